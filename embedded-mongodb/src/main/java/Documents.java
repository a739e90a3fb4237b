import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoCollection;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DocumentWithPosition;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.backend.aggregation.Aggregation;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;

/** A collection: documents as BSON, in the order of their ids. A document's position is the {@link Key} of its id. */
class Documents extends AbstractSynchronizedMongoCollection<String> {
    static final String MAPS = "documents.";
    private static final int INITIAL_BUFFER_BYTES = 1_024;

    private final MVMap<String, byte[]> documents;
    /** Documents that queries have read since the last explanation began. */
    private long examined;

    Documents(MongoDatabase database, String name, CollectionOptions options, MVMap<String, byte[]> documents,
            CursorRegistry cursors) {
        super(database, name, options, cursors);
        this.documents = documents;
    }

    static MVMap<String, byte[]> open(MVStore store, String fullName) {
        return store.openMap(MAPS + fullName, new MVMap.Builder<String, byte[]>()
                .keyType(new KeyType()).valueType(ByteArrayDataType.INSTANCE));
    }

    static Set<String> databaseNames(MVStore store) {
        Set<String> names = new TreeSet<>();
        for (String map : store.getMapNames()) {
            if (map.startsWith(MAPS)) {
                names.add(Utils.firstFragment(map.substring(MAPS.length())));
            }
        }
        return names;
    }

    static byte[] encode(Document document) {
        ByteBuf buffer = Unpooled.buffer(INITIAL_BUFFER_BYTES);
        BsonEncoder.encodeDocument(document, buffer);
        return ByteBufUtil.getBytes(buffer);
    }

    private static Document decode(byte[] bytes) {
        return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(bytes));
    }

    @Override
    protected synchronized QueryResult queryDocuments(Document query, Document orderBy, int skip, int limit,
            int batchSize, Document fields) {
        Document order = orderBy == null || orderBy.isEmpty() ? null : orderBy;
        boolean isNatural = order != null && order.containsKey("$natural");
        IndexScan scan = isNatural ? null : IndexScan.best(getIndexes(), query, order, limit);
        if (scan == null) {
            return matchDocuments(query, order, skip, limit, batchSize, fields);
        }
        Document rest = scan.isById() ? withoutIds(query) : query;
        if (!scan.inOrder()) {
            return matchDocumentsFromStream(documentsAt(scan.positions()), rest, order, skip, limit, batchSize, fields);
        }
        if (scan.ranges().size() == 1) {
            return matchDocumentsFromStream(documentsAt(scan.positions()), rest, null, skip, limit, batchSize, fields);
        }
        // Documents are in order only within a range: read what the result may contain of each range, then sort.
        Stream<Document> firstOfEach = scan.ranges().stream().flatMap(range -> documentsAt(scan.positions(range))
                .filter(document -> documentMatchesQuery(document, rest)).limit((long) skip + limit));
        return matchDocumentsFromStream(firstOfEach, rest, order, skip, limit, batchSize, fields);
    }

    /** Removes a list of ids that the scan has already used: the library would compare each document with each id. */
    private static Document withoutIds(Document query) {
        boolean isList = query.get("_id") instanceof Document ids && ids.keySet().equals(Set.of("$in"))
                && ids.get("$in") instanceof Collection<?> list && list.stream().allMatch(String.class::isInstance);
        if (!isList) {
            return query;
        }
        Document rest = query.clone();
        rest.remove("_id");
        return rest;
    }

    /** Every document that matches the query, and possibly others. */
    synchronized Stream<Document> candidates(Document query) {
        IndexScan scan = IndexScan.best(getIndexes(), query, null, 0);
        return scan == null ? all(false) : documentsAt(scan.positions());
    }

    /** Runs a `find` or `aggregate` command, and counts the documents that it reads, in the form of MongoDB. */
    synchronized Document explain(Document command, Function<Stream<Document>, List<Document>> pipeline) {
        Document query = document(command, "filter");
        Document order = document(command, "sort");
        IndexScan scan;
        int returned;
        examined = 0;
        if (pipeline == null) {
            int limit = number(command, "limit");
            scan = IndexScan.best(getIndexes(), query, order.isEmpty() ? null : order, limit);
            returned = queryDocuments(query, order, number(command, "skip"), limit, 0, null).collectDocuments().size();
        } else {
            query = matchOf(command);
            scan = IndexScan.best(getIndexes(), query, null, 0);
            returned = pipeline.apply(candidates(query)).size();
        }
        Document plan = scan == null ? new Document("stage", "COLLSCAN")
                : new Document("stage", "IXSCAN").append("indexName", scan.index().getName());
        return new Document("queryPlanner", new Document("winningPlan", plan))
                .append("executionStats", new Document("nReturned", returned)
                        .append("totalKeysExamined", scan == null ? 0L : examined)
                        .append("totalDocsExamined", examined))
                .append("ok", 1.0);
    }

    /** The filter of a leading `$match`. */
    private static Document matchOf(Document command) {
        List<Document> stages = Aggregation.parse(command.get("pipeline"));
        return stages.isEmpty() ? new Document() : document(stages.get(0), "$match");
    }

    private static Document document(Document command, String member) {
        return command.get(member) instanceof Document found ? found : new Document();
    }

    private static int number(Document command, String member) {
        return command.get(member) instanceof Number found ? found.intValue() : 0;
    }

    private Stream<Document> all(boolean backwards) {
        Cursor<String, byte[]> cursor = documents.cursor(null, null, backwards);
        return IndexScan.streamOf(cursor).map(position -> examine(cursor.getValue()));
    }

    private Stream<Document> documentsAt(Stream<String> positions) {
        return positions.map(documents::get).filter(bytes -> bytes != null).map(this::examine);
    }

    private Document examine(byte[] bytes) {
        examined += 1;
        return decode(bytes);
    }

    @Override
    protected QueryResult matchDocuments(Document query, Document orderBy, int skip, int limit, int batchSize,
            Document fields) {
        Stream<Document> all = all(isNaturalDescending(orderBy));
        return matchDocumentsFromStream(all, query, orderBy, skip, limit, batchSize, fields);
    }

    @Override
    public synchronized void addIndex(Index<String> index) {
        if (index instanceof OrderedIndex ordered && index.isEmpty()) {
            ordered.clear();
            super.addIndex(index);
            ordered.markComplete();
        } else {
            super.addIndex(index);
        }
    }

    @Override
    public synchronized void dropIndex(String name) {
        super.dropIndex(name);
    }

    @Override
    protected Document getDocument(String position) {
        byte[] bytes = documents.get(position);
        return bytes == null ? null : decode(bytes);
    }

    @Override
    protected String addDocumentInternal(Document document) {
        String position = Key.of(getIdField() == null ? UUID.randomUUID() : document.get(getIdField()));
        documents.put(position, encode(document));
        return position;
    }

    @Override
    protected void handleUpdate(String position, Document oldDocument, Document newDocument) {
        documents.put(position, encode(newDocument));
    }

    @Override
    protected void removeDocument(String position) {
        documents.remove(position);
    }

    @Override
    protected Stream<DocumentWithPosition<String>> streamAllDocumentsWithPosition() {
        Cursor<String, byte[]> cursor = documents.cursor(null);
        return IndexScan.streamOf(cursor)
                .map(position -> new DocumentWithPosition<>(decode(cursor.getValue()), position));
    }

    @Override
    public int count() {
        return documents.size();
    }

    @Override
    public boolean isEmpty() {
        return documents.isEmpty();
    }

    /** Tracking would make each write read the document that it replaces. */
    @Override
    protected boolean tracksDataSize() {
        return false;
    }

    @Override
    protected int getDataSize() {
        return 0;
    }

    @Override
    protected void updateDataSize(int delta) {
        throw new UnsupportedOperationException();
    }
}
