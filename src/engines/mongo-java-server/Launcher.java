// Runs mongo-java-server on one H2 file: java -cp 'lib/*' Launcher.java <host> <port> <file>
// Ends in good order on SIGTERM, and when its stdin closes (whoever started it is gone).

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import java.util.Set;
import org.h2.mvstore.MVStore;

public class Launcher {
    private static final Set<String> WRITES = Set.of("insert", "update", "delete", "findAndModify",
            "createIndexes", "dropIndexes", "create", "drop", "dropDatabase");

    /** Answers a write only after it was handed to the file; H2 alone would do so once a second. */
    private static class CommittingBackend extends H2Backend {
        CommittingBackend(MVStore store) {
            super(store);
        }

        @Override
        public Document handleMessage(MongoMessage message) {
            Document answer = super.handleMessage(message);
            if (WRITES.contains(message.getDocument().keySet().iterator().next())) {
                commit();
            }
            return answer;
        }
    }

    /** The server's own classes report wire version 8 at most; current drivers want 9 or more. */
    private static class CurrentVersion implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }

    public static void main(String[] args) throws Exception {
        MVStore store = new MVStore.Builder().fileName(args[2]).open();
        // Every commit writes new blocks; by default the old ones would be kept for 45 seconds.
        store.setRetentionTime(5_000);
        H2Backend backend = new CommittingBackend(store);
        backend.version(new CurrentVersion());
        MongoServer server = new MongoServer(backend);
        // shutdownNow closes the store, and with it the file.
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind(args[0], Integer.parseInt(args[1]));
        while (System.in.read() >= 0) {
            // only the end of stdin matters
        }
        System.exit(0);
    }
}
