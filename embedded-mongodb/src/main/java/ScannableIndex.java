import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** An index that returns the positions of documents in the order of its fields. */
abstract class ScannableIndex extends Index<String> {
    /** The fields that the entries are sorted by: those of the index, then the id. */
    private final List<String> order;

    ScannableIndex(String name, List<IndexKey> keys, boolean sparse) {
        super(name, keys, sparse);
        order = new ArrayList<>(keys());
        if (!order.contains("_id")) {
            order.add("_id");
        }
    }

    abstract Stream<String> positions(Range range, boolean backwards);

    /** Whether every indexed value of this field has a sort order. */
    abstract boolean isOrdered(int field);

    /** Whether the index may leave out documents. */
    boolean isPartial() {
        return isSparse();
    }

    /** Whether the index has every document within the bounds. */
    boolean containsAll(Map<String, List<Range>> bounds) {
        return !isPartial() || keys().stream().map(bounds::get).anyMatch(ranges -> ranges != null
                && (ranges.contains(Range.EVERYTHING) || ranges.stream().noneMatch(Range::hasNull)));
    }

    List<String> order() {
        return order;
    }

    // The library's query planner uses an index only if the query names exactly its fields; IndexScan replaces it.

    @Override
    public boolean canHandle(Document query) {
        return false;
    }

    @Override
    public Iterable<String> getPositions(Document query) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long getDataSize() {
        return getCount();
    }

    @Override
    public void drop() {
        // Database.dropIndex removes the map.
    }
}
