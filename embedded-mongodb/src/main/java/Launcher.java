// Runs mongo-java-server on one H2 file: java -cp 'classes:lib/*' Launcher <socket> <file>
// It closes the file and exits on SIGTERM, and when its stdin closes because its parent process has ended.
//
// mongo-java-server's own H2 backend stores documents as serialized Java objects and supports unique indexes only. This
// backend stores BSON and keeps every index sorted, so that a query reads only the documents that its index selects.

import de.bwaldvogel.mongo.MongoVersion;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.h2.mvstore.MVStore;

public class Launcher {
    public static void main(String[] args) throws Exception {
        Path socket = Path.of(args[0]);
        Backend backend = new Backend(openStore(args[1]));
        backend.version(new CurrentVersion());
        // openStore locked the file, so no other server is running: a socket here was left by one that was killed.
        Files.deleteIfExists(socket);
        SocketServer server = new SocketServer(socket, backend);
        // Stopping the server also closes the store and its file.
        Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
        Thread compacting = new Thread(backend::compactUntilClosed, "compact");
        compacting.setDaemon(true);
        compacting.start();
        while (System.in.read() >= 0) {
            // Input is ignored; only its end matters.
        }
        System.exit(0);
    }

    static MVStore openStore(String file) {
        // H2's default cache of 16 MB holds few accounts: each query for due accounts would read the file.
        int cacheMb = (int) (Runtime.getRuntime().maxMemory() / 4 >> 20);
        MVStore store = new MVStore.Builder().fileName(file).cacheSize(cacheMb)
                // A commit rewrites every changed page, and changes are scattered: small pages keep commits small.
                .keysPerPage(24).pageSplitSize(6 << 10)
                // Only the backend commits, so that a document and its index entries go to the file together.
                .autoCommitDisabled().autoCommitBufferSize(0).open();
        // How long, in ms, the file keeps chunks that later commits replaced. H2's default of 45 s makes the file grow.
        store.setRetentionTime(5_000);
        return store;
    }
}

/** The version that clients see: the library reports wire version 8 at most, and current drivers need 9 or later. */
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
