import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.Set;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.h2.mvstore.MVStore;

/** Answers a write only after it was handed to the file. */
class Backend extends AbstractMongoBackend {
    private static final Set<String> WRITES = Set.of("insert", "update", "delete", "findAndModify",
            "createIndexes", "dropIndexes", "create", "drop", "dropDatabase");
    private static final int COMPACT_EACH_MS = 1_000;
    private static final int COMPACT_BELOW_PERCENT = 50;
    private static final int COMPACT_BYTES = 2 << 20;

    private final MVStore store;
    /**
     * Several may write at once, but nobody does while what was written goes to the file: a document goes there with
     * its places in the indexes, or not at all.
     */
    private final ReadWriteLock writing = new ReentrantReadWriteLock();

    Backend(MVStore store) {
        this.store = store;
        Documents.databaseNames(store).forEach(this::resolveDatabase);
    }

    @Override
    protected MongoDatabase openOrCreateDatabase(String name) {
        return new Database(name, store, getCursorRegistry());
    }

    @Override
    public Document handleMessage(MongoMessage message) {
        if (!WRITES.contains(message.getDocument().keySet().iterator().next())) {
            return answer(message);
        }
        writing.readLock().lock();
        try {
            return answer(message);
        } finally {
            writing.readLock().unlock();
            commit();
        }
    }

    /** What is looked at stays in the file until the answer is there, however much is written meanwhile. */
    private Document answer(MongoMessage message) {
        MVStore.TxCounter version = store.registerVersionUsage();
        try {
            return super.handleMessage(message);
        } finally {
            store.deregisterVersionUsage(version);
        }
    }

    /** What others wrote meanwhile goes along, and they find nothing left to do. */
    private void commit() {
        writing.writeLock().lock();
        try {
            store.commit();
        } finally {
            writing.writeLock().unlock();
        }
    }

    /** Takes what is still needed out of blocks that are half empty, so that they can be written again. */
    void compactForEver() {
        while (!store.isClosed()) {
            try {
                Thread.sleep(COMPACT_EACH_MS);
            } catch (InterruptedException interrupted) {
                return;
            }
            writing.writeLock().lock();
            try {
                if (!store.isClosed()) {
                    store.compact(COMPACT_BELOW_PERCENT, COMPACT_BYTES);
                    store.commit();
                }
            } finally {
                writing.writeLock().unlock();
            }
        }
    }

    @Override
    public void close() {
        writing.writeLock().lock();
        try {
            super.close();
            store.close();
        } finally {
            writing.writeLock().unlock();
        }
    }
}
