import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** An index that knows the places of documents in the order of its members. */
abstract class WalkableIndex extends Index<String> {
    /** In which members it is in order: where nothing else decides, by id. */
    private final List<String> order;

    WalkableIndex(String name, List<IndexKey> keys, boolean sparse) {
        super(name, keys, sparse);
        order = new ArrayList<>(keys());
        if (!order.contains("_id")) {
            order.add("_id");
        }
    }

    abstract Stream<String> places(Range range, boolean backwards);

    /** Whether all values that it has of this member have an order. */
    abstract boolean isOrdered(int member);

    boolean leavesOut() {
        return isSparse();
    }

    /** Whether it has all documents that are within the bounds. */
    boolean hasAll(Map<String, List<Range>> bounds) {
        return !leavesOut() || keys().stream().map(bounds::get).anyMatch(ranges -> ranges != null
                && (ranges.contains(Range.EVERYTHING) || ranges.stream().noneMatch(Range::hasNull)));
    }

    List<String> order() {
        return order;
    }

    // The server asks indexes only where a query has all members and no others.

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
        // The database removes what it is kept in.
    }
}
