import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DatabaseResolver;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.aggregation.Aggregation;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerException;
import de.bwaldvogel.mongo.oplog.Oplog;
import io.netty.channel.Channel;
import java.util.List;
import org.h2.mvstore.MVStore;

/** A database whose collections and indexes are maps of one H2 store. */
class Database extends AbstractSynchronizedMongoDatabase<String> {
    private final MVStore store;

    Database(String name, MVStore store, CursorRegistry cursors) {
        super(name, cursors);
        this.store = store;
        initializeNamespacesAndIndexes();
    }

    @Override
    protected MongoCollection<String> openOrCreateCollection(String name, CollectionOptions options) {
        return new Documents(this, name, options, Documents.open(store, getFullCollectionNamespace(name)),
                cursorRegistry);
    }

    @Override
    protected Index<String> openOrCreateUniqueIndex(String collection, String name, List<IndexKey> keys,
            boolean sparse) {
        if (keys.size() == 1 && keys.get(0).getKey().equals("_id")) {
            return new IdIndex(name, keys, Documents.open(store, getFullCollectionNamespace(collection)));
        }
        return new OrderedIndex(name, keys, sparse, true, OrderedIndex.open(store, mapName(collection, name)));
    }

    @Override
    protected Index<String> openOrCreateSecondaryIndex(String collection, String name, List<IndexKey> keys,
            boolean sparse) {
        return new OrderedIndex(name, keys, sparse, false, OrderedIndex.open(store, mapName(collection, name)));
    }

    private String mapName(String collection, String index) {
        return OrderedIndex.MAPS + getFullCollectionNamespace(collection) + "." + index;
    }

    @Override
    protected void dropIndex(MongoCollection<String> collection, String name) {
        super.dropIndex(collection, name);
        store.removeMap(mapName(collection.getCollectionName(), name));
    }

    @Override
    public void dropCollection(String name, Oplog oplog) {
        super.dropCollection(name, oplog);
        store.removeMap(Documents.MAPS + getFullCollectionNamespace(name));
    }

    @Override
    public void moveCollection(MongoDatabase from, MongoCollection<?> collection, String name) {
        throw new MongoServerException("The embedded MongoDB server cannot rename collections");
    }

    /**
     * Gives a pipeline its documents one by one, and through an index if it begins with $match. The library would read
     * the whole collection into the memory.
     */
    @Override
    public Document handleCommand(Channel channel, String command, Document query, DatabaseResolver databases,
            Oplog oplog) {
        if (command.equals("explain") && query.get(command) instanceof Document explained) {
            return explain(explained, databases, oplog);
        }
        if (!command.equals("aggregate") || !(query.get("pipeline") instanceof List<?> pipeline) || pipeline.isEmpty()
                || !(pipeline.get(0) instanceof Document first)
                || !(resolveCollection(query.get(command).toString(), false) instanceof Documents documents)) {
            return super.handleCommand(channel, command, query, databases, oplog);
        }
        Document match = first.get("$match") instanceof Document found ? found : new Document();
        Aggregation aggregation = Aggregation.fromPipeline(pipeline, databases, this, documents, oplog);
        aggregation.validate(query);
        Document batch = new Document("id", 0L).append("ns", documents.getFullName())
                .append("firstBatch", aggregation.runStages(documents.candidates(match)));
        return new Document("cursor", batch).append("ok", 1.0);
    }

    private Document explain(Document explained, DatabaseResolver databases, Oplog oplog) {
        String command = explained.keySet().iterator().next();
        if (!List.of("find", "aggregate").contains(command)
                || !(resolveCollection(explained.get(command).toString(), false) instanceof Documents documents)) {
            throw new MongoServerException("The embedded MongoDB server explains only find and aggregate");
        }
        return documents.explain(explained, command.equals("find") ? null
                : Aggregation.fromPipeline(explained.get("pipeline"), databases, this, documents, oplog)::runStages);
    }

    @Override
    protected long getFileSize() {
        return store.getFileStore().size();
    }

    @Override
    protected long getStorageSize() {
        return getFileSize();
    }
}
