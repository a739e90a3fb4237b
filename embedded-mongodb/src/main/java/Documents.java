import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoCollection;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DocumentWithPosition;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.Collection;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;

/** A collection: documents as BSON, in the order of their ids. Where one is, its place, is its id as a key. */
class Documents extends AbstractSynchronizedMongoCollection<String> {
    static final String MAPS = "documents.";
    private static final int FIRST_BYTES = 1_024;

    private final MVMap<String, byte[]> documents;

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

    static byte[] encoded(Document document) {
        ByteBuf buffer = Unpooled.buffer(FIRST_BYTES);
        BsonEncoder.encodeDocument(document, buffer);
        return ByteBufUtil.getBytes(buffer);
    }

    private static Document decoded(byte[] bytes) {
        return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(bytes));
    }

    @Override
    protected synchronized QueryResult queryDocuments(Document query, Document orderBy, int skip, int limit,
            int batchSize, Document fields) {
        Document order = orderBy == null || orderBy.isEmpty() ? null : orderBy;
        boolean isNatural = order != null && order.containsKey("$natural");
        Walk walk = isNatural ? null : Walk.best(getIndexes(), query, order, limit);
        if (walk == null) {
            return matchDocuments(query, order, skip, limit, batchSize, fields);
        }
        Document rest = walk.isById() ? withoutIds(query) : query;
        if (!walk.inOrder()) {
            return matchDocumentsFromStream(at(walk.places()), rest, order, skip, limit, batchSize, fields);
        }
        if (walk.ranges().size() == 1) {
            return matchDocumentsFromStream(at(walk.places()), rest, null, skip, limit, batchSize, fields);
        }
        // Each range is in order, all together are not: of each, as many as could be among the first.
        Stream<Document> firstOfEach = walk.ranges().stream().flatMap(range -> at(walk.places(range))
                .filter(document -> documentMatchesQuery(document, rest)).limit((long) skip + limit));
        return matchDocumentsFromStream(firstOfEach, rest, order, skip, limit, batchSize, fields);
    }

    /** Of many ids, which led to the documents, each would be compared with each document once more. */
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

    /** All that match a query are among them. */
    synchronized Stream<Document> candidates(Document query) {
        Walk walk = Walk.best(getIndexes(), query, null, 0);
        return walk == null ? all(false) : at(walk.places());
    }

    private Stream<Document> all(boolean backwards) {
        Cursor<String, byte[]> cursor = documents.cursor(null, null, backwards);
        return Walk.streamOf(cursor).map(place -> decoded(cursor.getValue()));
    }

    private Stream<Document> at(Stream<String> places) {
        return places.map(documents::get).filter(bytes -> bytes != null).map(Documents::decoded);
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
            ordered.noteComplete();
        } else {
            super.addIndex(index);
        }
    }

    @Override
    public synchronized void dropIndex(String name) {
        super.dropIndex(name);
    }

    @Override
    protected Document getDocument(String place) {
        byte[] bytes = documents.get(place);
        return bytes == null ? null : decoded(bytes);
    }

    @Override
    protected String addDocumentInternal(Document document) {
        String place = Key.of(getIdField() == null ? UUID.randomUUID() : document.get(getIdField()));
        documents.put(place, encoded(document));
        return place;
    }

    @Override
    protected void handleUpdate(String place, Document oldDocument, Document newDocument) {
        documents.put(place, encoded(newDocument));
    }

    @Override
    protected void removeDocument(String place) {
        documents.remove(place);
    }

    @Override
    protected Stream<DocumentWithPosition<String>> streamAllDocumentsWithPosition() {
        Cursor<String, byte[]> cursor = documents.cursor(null);
        return Walk.streamOf(cursor).map(place -> new DocumentWithPosition<>(decoded(cursor.getValue()), place));
    }

    @Override
    public int count() {
        return documents.size();
    }

    @Override
    public boolean isEmpty() {
        return documents.isEmpty();
    }

    /** To know it, each write would have to look at what it replaces. */
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
