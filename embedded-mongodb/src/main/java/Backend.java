import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.Set;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.h2.mvstore.MVStore;

/** Executes commands, and answers a write only after its commit to the data file. */
class Backend extends AbstractMongoBackend {
    private static final Set<String> WRITES = Set.of("insert", "update", "delete", "findAndModify",
            "createIndexes", "dropIndexes", "create", "drop", "dropDatabase");
    /** The pause between two compactions, in ms. */
    private static final int COMPACT_INTERVAL_MS = 1_000;
    /** A compaction runs only while less than this share of the file is in use. */
    private static final int COMPACT_BELOW_PERCENT = 50;
    /** The most that one compaction rewrites, in bytes: writes wait while it runs. */
    private static final int COMPACT_BYTES_MAX = 2 << 20;

    private final MVStore store;
    /**
     * Writes share the read lock; a commit takes the write lock. No commit can then store a document without its index
     * entries.
     */
    private final ReadWriteLock commitLock = new ReentrantReadWriteLock();

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
            return execute(message);
        }
        commitLock.readLock().lock();
        try {
            return execute(message);
        } finally {
            commitLock.readLock().unlock();
            commit();
        }
    }

    /** Registers a reader: the store keeps the pages that this command reads until it has its answer. */
    private Document execute(MongoMessage message) {
        MVStore.TxCounter version = store.registerVersionUsage();
        try {
            return super.handleMessage(message);
        } finally {
            store.deregisterVersionUsage(version);
        }
    }

    /** Threads that wait here for the lock share one commit: the first also commits the writes of the others. */
    private void commit() {
        commitLock.writeLock().lock();
        try {
            store.commit();
        } finally {
            commitLock.writeLock().unlock();
        }
    }

    /** Moves live pages out of half-empty chunks, so that the file can reuse their space. */
    void compactUntilClosed() {
        while (!store.isClosed()) {
            try {
                Thread.sleep(COMPACT_INTERVAL_MS);
            } catch (InterruptedException interrupted) {
                return;
            }
            commitLock.writeLock().lock();
            try {
                if (!store.isClosed()) {
                    store.compact(COMPACT_BELOW_PERCENT, COMPACT_BYTES_MAX);
                    store.commit();
                }
            } finally {
                commitLock.writeLock().unlock();
            }
        }
    }

    @Override
    public void close() {
        commitLock.writeLock().lock();
        try {
            super.close();
            store.close();
        } finally {
            commitLock.writeLock().unlock();
        }
    }
}
