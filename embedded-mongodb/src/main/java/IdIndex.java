import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.DuplicateKeyError;
import java.util.List;
import java.util.stream.Stream;
import org.h2.mvstore.MVMap;

/** The index of ids. The collection is stored in this order, so this index needs no entries. */
class IdIndex extends ScannableIndex {
    private final MVMap<String, byte[]> documents;

    IdIndex(String name, List<IndexKey> keys, MVMap<String, byte[]> documents) {
        super(name, keys, false);
        this.documents = documents;
    }

    @Override
    Stream<String> positions(Range range, boolean backwards) {
        return IndexScan.streamOf(IndexScan.cursor(documents, range, backwards));
    }

    @Override
    boolean isOrdered(int field) {
        String last = documents.lastKey();
        return last == null || last.charAt(0) != Key.UNORDERED;
    }

    @Override
    public String getPosition(Document document) {
        return Key.of(document.get("_id"));
    }

    @Override
    public void checkAdd(Document document, MongoCollection<String> collection) {
        if (documents.containsKey(getPosition(document))) {
            throw new DuplicateKeyError(this, collection, getKeys(), getKeyValues(document).iterator().next());
        }
    }

    @Override
    public void add(Document document, String position, MongoCollection<String> collection) {
        // The collection's map already has the id.
    }

    @Override
    public String remove(Document document) {
        return getPosition(document);
    }

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<String> collection) {
        // MongoDB does not allow an update of an id.
    }

    @Override
    public void updateInPlace(Document before, Document after, String position, MongoCollection<String> collection) {
        // MongoDB does not allow an update of an id.
    }

    @Override
    public long getCount() {
        return documents.sizeAsLong();
    }

    @Override
    public boolean isUnique() {
        return true;
    }
}
