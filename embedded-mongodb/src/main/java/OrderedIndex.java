import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.DuplicateKeyError;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

/**
 * Any index except that of ids. The key of an entry is the keys of the indexed fields, then the document's position;
 * its value is where the position begins in it. The position is the id's key, so an index that ends with the id stores
 * it once.
 */
class OrderedIndex extends ScannableIndex {
    static final String MAPS = "index.";
    /** A marker that sorts before all entries: the index has all documents. */
    private static final String COMPLETE = "\1";
    /** Followed by a field's number, the marker of a field that has values without an order. */
    private static final String UNORDERED = "\2";

    private final MVMap<String, Integer> entries;
    /** The paths of the indexed fields, without an id at the end. */
    private final List<String[]> paths = new ArrayList<>();
    private final boolean unique;

    OrderedIndex(String name, List<IndexKey> keys, boolean sparse, boolean unique, MVMap<String, Integer> entries) {
        super(name, keys, sparse);
        this.entries = entries;
        this.unique = unique;
        List<String> fields = keys();
        boolean endsWithId = !unique && fields.get(fields.size() - 1).equals("_id");
        for (String field : endsWithId ? fields.subList(0, fields.size() - 1) : fields) {
            paths.add(field.split("\\."));
        }
    }

    static MVMap<String, Integer> open(MVStore store, String name) {
        return store.openMap(name, new MVMap.Builder<String, Integer>().keyType(new KeyType()));
    }

    @Override
    Stream<String> positions(Range range, boolean backwards) {
        Cursor<String, Integer> cursor = IndexScan.cursor(entries, range, backwards);
        return IndexScan.streamOf(cursor).map(key -> key.substring(cursor.getValue()));
    }

    @Override
    boolean isOrdered(int field) {
        return !entries.containsKey(UNORDERED + field);
    }

    /** True until every document is in the index: after an interrupted creation, it is created again. */
    @Override
    public boolean isEmpty() {
        return !entries.containsKey(COMPLETE);
    }

    void clear() {
        entries.clear();
    }

    void markComplete() {
        entries.put(COMPLETE, 0);
    }

    @Override
    public long getCount() {
        return entries.sizeAsLong();
    }

    @Override
    public boolean isUnique() {
        return unique;
    }

    /** Only the index of ids finds a document's position. */
    @Override
    public String getPosition(Document document) {
        return null;
    }

    @Override
    public void checkAdd(Document document, MongoCollection<String> collection) {
        if (unique) {
            checkUnique(fieldsOf(document), document, collection);
        }
    }

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<String> collection) {
        if (unique) {
            String fields = fieldsOf(after);
            if (fields != null && !fields.equals(fieldsOf(before))) {
                checkUnique(fields, after, collection);
            }
        }
    }

    private void checkUnique(String fields, Document document, MongoCollection<String> collection) {
        String next = fields == null ? null : entries.ceilingKey(fields);
        if (next != null && next.startsWith(fields)) {
            throw new DuplicateKeyError(this, collection, getKeys(), getKeyValues(document).iterator().next());
        }
    }

    @Override
    public void add(Document document, String position, MongoCollection<String> collection) {
        String fields = fieldsOf(document);
        if (fields != null) {
            entries.put(fields + position, fields.length());
            markUnordered(document, position);
        }
    }

    @Override
    public String remove(Document document) {
        String fields = fieldsOf(document);
        String position = Key.of(document.get("_id"));
        if (fields != null) {
            entries.remove(fields + position);
        }
        return position;
    }

    @Override
    public void updateInPlace(Document before, Document after, String position, MongoCollection<String> collection) {
        String fields = fieldsOf(before);
        if (fields == null || !fields.equals(fieldsOf(after))) {
            if (fields != null) {
                entries.remove(fields + position);
            }
            add(after, position, collection);
        }
    }

    /** The keys of the indexed fields; null if a sparse index leaves the document out. */
    private String fieldsOf(Document document) {
        StringBuilder fields = new StringBuilder();
        boolean included = !isSparse();
        for (String[] path : paths) {
            Object value = valueAt(document, path);
            included |= !(value instanceof Missing);
            if (unique || Key.isOrdered(value)) {
                Key.append(fields, value);
            } else {
                fields.append(Key.UNORDERED);
            }
        }
        return included ? fields.toString() : null;
    }

    /** Marks fields whose value has no order: from then on, queries neither use ranges of this field nor its order. */
    private void markUnordered(Document document, String position) {
        for (int field = 0; field < paths.size(); field += 1) {
            if (!Key.isOrdered(valueAt(document, paths.get(field)))) {
                markUnordered(field);
            }
        }
        if (position.charAt(0) == Key.UNORDERED) {
            markUnordered(paths.size());
        }
    }

    private void markUnordered(int field) {
        if (isOrdered(field)) {
            entries.put(UNORDERED + field, 0);
        }
    }

    private static Object valueAt(Document document, String[] path) {
        Object value = document;
        for (String name : path) {
            if (value instanceof Document inner) {
                value = inner.getOrMissing(name);
            } else {
                // A path through a list has several values, so it is unordered, as the list is.
                return value instanceof Collection<?> ? value : Missing.getInstance();
            }
        }
        return value;
    }
}
