// Runs mongo-java-server on one H2 file: java -cp 'classes:lib/*' Launcher <host> <port> <file>
// Ends in good order on SIGTERM, and when its stdin closes (whoever started it is gone).
//
// The server's own H2 backend keeps documents as serialized Java objects and no index but unique ones. This one keeps
// them as BSON, and every index in order, so that a query reads what it finds and not all there is.

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import java.util.List;
import org.h2.mvstore.MVStore;

public class Launcher {
    public static void main(String[] args) throws Exception {
        // Of 16 MB, the default, little is left for the accounts: each look for those that are due would read the file.
        int cacheMb = (int) (Runtime.getRuntime().maxMemory() / 4 >> 20);
        MVStore store = new MVStore.Builder().fileName(args[2]).cacheSize(cacheMb)
                // A page is written anew with each change in it, and few changes are neighbours.
                .keysPerPage(24).pageSplitSize(6 << 10)
                // What goes to the file, and when, is for the backend to say.
                .autoCommitDisabled().autoCommitBufferSize(0).open();
        // Every commit writes new blocks; by default the old ones would be kept for 45 seconds.
        store.setRetentionTime(5_000);
        SerializedDocuments.convert(store);
        Backend backend = new Backend(store);
        backend.version(new CurrentVersion());
        MongoServer server = new MongoServer(backend);
        // shutdownNow closes the store, and with it the file.
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        Thread compacting = new Thread(backend::compactForEver, "compact");
        compacting.setDaemon(true);
        compacting.start();
        server.bind(args[0], Integer.parseInt(args[1]));
        while (System.in.read() >= 0) {
            // only the end of stdin matters
        }
        System.exit(0);
    }
}

/** The server's own classes report wire version 8 at most; current drivers want 9 or more. */
class CurrentVersion implements MongoVersion {
    @Override
    public List<Integer> getVersionArray() {
        return List.of(5, 0, 0);
    }

    @Override
    public int getWireVersion() {
        return 13;
    }
}
