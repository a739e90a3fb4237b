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
 * Any other index: for each document the values of its members and its place, as one key, with where in it the place
 * begins. The place is the id: an index that ends with the id has it once.
 */
class OrderedIndex extends WalkableIndex {
    static final String MAPS = "index.";
    /** Notes of its own, before all entries. */
    private static final String COMPLETE = "\1";
    private static final String UNORDERED = "\2";

    private final MVMap<String, Integer> entries;
    /** Of its members, less an id at the end. */
    private final List<String[]> paths = new ArrayList<>();
    private final boolean unique;

    OrderedIndex(String name, List<IndexKey> keys, boolean sparse, boolean unique, MVMap<String, Integer> entries) {
        super(name, keys, sparse);
        this.entries = entries;
        this.unique = unique;
        List<String> members = keys();
        boolean endsWithId = !unique && members.get(members.size() - 1).equals("_id");
        for (String member : endsWithId ? members.subList(0, members.size() - 1) : members) {
            paths.add(member.split("\\."));
        }
    }

    static MVMap<String, Integer> open(MVStore store, String name) {
        return store.openMap(name, new MVMap.Builder<String, Integer>().keyType(new KeyType()));
    }

    @Override
    Stream<String> places(Range range, boolean backwards) {
        Cursor<String, Integer> cursor = Walk.cursor(entries, range, backwards);
        return Walk.streamOf(cursor).map(key -> key.substring(cursor.getValue()));
    }

    @Override
    boolean isOrdered(int member) {
        return !entries.containsKey(UNORDERED + member);
    }

    /** Empty until all documents were added: a start may have been cut short. */
    @Override
    public boolean isEmpty() {
        return !entries.containsKey(COMPLETE);
    }

    void clear() {
        entries.clear();
    }

    void noteComplete() {
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

    /** The index of ids knows. */
    @Override
    public String getPosition(Document document) {
        return null;
    }

    @Override
    public void checkAdd(Document document, MongoCollection<String> collection) {
        if (unique) {
            checkUnique(membersOf(document), document, collection);
        }
    }

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<String> collection) {
        if (unique) {
            String members = membersOf(after);
            if (members != null && !members.equals(membersOf(before))) {
                checkUnique(members, after, collection);
            }
        }
    }

    private void checkUnique(String members, Document document, MongoCollection<String> collection) {
        String next = members == null ? null : entries.ceilingKey(members);
        if (next != null && next.startsWith(members)) {
            throw new DuplicateKeyError(this, collection, getKeys(), getKeyValues(document).iterator().next());
        }
    }

    @Override
    public void add(Document document, String place, MongoCollection<String> collection) {
        String members = membersOf(document);
        if (members != null) {
            entries.put(members + place, members.length());
            noteUnordered(document, place);
        }
    }

    @Override
    public String remove(Document document) {
        String members = membersOf(document);
        String place = Key.of(document.get("_id"));
        if (members != null) {
            entries.remove(members + place);
        }
        return place;
    }

    @Override
    public void updateInPlace(Document before, Document after, String place, MongoCollection<String> collection) {
        String members = membersOf(before);
        if (members == null || !members.equals(membersOf(after))) {
            if (members != null) {
                entries.remove(members + place);
            }
            add(after, place, collection);
        }
    }

    /** `null` for a document that it leaves out. */
    private String membersOf(Document document) {
        StringBuilder members = new StringBuilder();
        boolean isThere = !isSparse();
        for (String[] path : paths) {
            Object value = valueAt(document, path);
            isThere |= !(value instanceof Missing);
            if (unique || Key.isOrdered(value)) {
                Key.append(members, value);
            } else {
                members.append(Key.UNORDERED);
            }
        }
        return isThere ? members.toString() : null;
    }

    /** From then on it is not asked for what it cannot tell. */
    private void noteUnordered(Document document, String place) {
        for (int member = 0; member < paths.size(); member += 1) {
            if (!Key.isOrdered(valueAt(document, paths.get(member)))) {
                noteUnordered(member);
            }
        }
        if (place.charAt(0) == Key.UNORDERED) {
            noteUnordered(paths.size());
        }
    }

    private void noteUnordered(int member) {
        if (isOrdered(member)) {
            entries.put(UNORDERED + member, 0);
        }
    }

    private static Object valueAt(Document document, String[] path) {
        Object value = document;
        for (String name : path) {
            if (value instanceof Document inner) {
                value = inner.getOrMissing(name);
            } else {
                // What a list holds further down has no order, and neither has the list.
                return value instanceof Collection<?> ? value : Missing.getInstance();
            }
        }
        return value;
    }
}
