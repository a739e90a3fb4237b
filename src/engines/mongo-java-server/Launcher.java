// Runs mongo-java-server on one H2 file: java -cp 'lib/*' Launcher.java <host> <port> <file>
// Ends in good order on SIGTERM, and when its stdin closes (whoever started it is gone).

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import java.util.Set;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

public class Launcher {
    private static final Set<String> WRITES = Set.of("insert", "update", "delete", "findAndModify",
            "createIndexes", "dropIndexes", "create", "drop", "dropDatabase");

    /**
     * Uses an index where a query asks for more than the index's members; the server's own collection reads all its
     * documents then, and whoever claims or commits an account asks for its `_id` and more.
     */
    private static class IndexedCollection extends H2Collection {
        IndexedCollection(MongoDatabase database, String name, CollectionOptions options,
                MVMap<Object, Document> documents, MVMap<String, Object> meta, CursorRegistry cursors) {
            super(database, name, options, documents, meta, cursors);
        }

        @Override
        protected QueryResult queryDocuments(Document query, Document orderBy, int skip, int limit, int batchSize,
                Document fields) {
            if (query.get("_id") instanceof String && "_id".equals(getIdField())) {
                // Where a document is, is its `_id`: the index, which compares serialized keys, would say no more.
                List<Object> places = getDocument(query.get("_id")) == null ? List.of() : List.of(query.get("_id"));
                return matchDocuments(query, places, orderBy, skip, limit, batchSize, fields);
            }
            for (Index<Object> index : getIndexes()) {
                Document indexed = new Document();
                for (IndexKey key : index.getKeys()) {
                    if (query.get(key.getKey()) != null) {
                        indexed.put(key.getKey(), query.get(key.getKey()));
                    }
                }
                if (index.canHandle(indexed)) {
                    // What is found is held against the whole query.
                    return matchDocuments(query, index.getPositions(indexed), orderBy, skip, limit, batchSize, fields);
                }
            }
            return super.queryDocuments(query, orderBy, skip, limit, batchSize, fields);
        }
    }

    /** Answers a write only after it was handed to the file; H2 alone would do so once a second. */
    private static class CommittingBackend extends H2Backend {
        CommittingBackend(MVStore store) {
            super(store);
        }

        @Override
        protected MongoDatabase openOrCreateDatabase(String databaseName) {
            return new H2Database(databaseName, getMvStore(), getCursorRegistry()) {
                @Override
                protected MongoCollection<Object> openOrCreateCollection(String name, CollectionOptions options) {
                    String fullName = getFullCollectionNamespace(name);
                    // Named as the server's own database names them.
                    MVMap<Object, Document> documents = getMvStore().openMap("databases." + fullName);
                    MVMap<String, Object> meta = getMvStore().openMap("meta." + fullName);
                    return new IndexedCollection(this, name, options, documents, meta, cursorRegistry);
                }
            };
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
        // Of 16 MB, the default, little is left for the accounts: each look for those that are due would read the file.
        int cacheMb = (int) (Runtime.getRuntime().maxMemory() / 8 >> 20);
        MVStore store = new MVStore.Builder().fileName(args[2]).cacheSize(cacheMb).open();
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
