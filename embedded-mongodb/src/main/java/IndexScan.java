import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.bson.Document;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;

/** How to come to the documents that a query asks for: along an index, through some of its ranges. */
record Walk(WalkableIndex index, List<Range> ranges, int bound, boolean inOrder, boolean backwards) {
    private static final int RANGES_MAX = 10_000;
    /** What a member adds to how much is bound, by single values or by others. */
    private static final int SINGLE = 2;
    private static final int RANGE = 1;
    private static final Comparator<Walk> BETTER = Comparator.comparing(Walk::inOrder).thenComparing(Walk::bound);

    /** @return null: there is nothing better than to look at all documents */
    static Walk best(List<Index<String>> indexes, Document query, Document order, int limit) {
        Map<String, List<Range>> bounds = Range.boundsOf(query);
        if (bounds.isEmpty() && (order == null || limit == 0)) {
            return null;
        }
        Walk best = null;
        for (Index<String> index : indexes) {
            Walk walk = along((WalkableIndex) index, bounds, order, limit);
            if (walk.isById()) {
                return walk;
            }
            if (walk.isWorthwhile(bounds) && (best == null || BETTER.compare(walk, best) > 0)) {
                best = walk;
            }
        }
        return best;
    }

    private static Walk along(WalkableIndex index, Map<String, List<Range>> bounds, Document order, int limit) {
        List<String> members = index.order();
        List<Range> ranges = List.of(new Range("", ""));
        // How many of the first members have single values.
        int single = 0;
        int bound = 0;
        for (; single < members.size(); single += 1) {
            List<Range> own = bounds.get(members.get(single));
            if (own == null || !index.isOrdered(single) || (long) ranges.size() * own.size() > RANGES_MAX) {
                break;
            }
            ranges = ranges.stream().flatMap(one -> own.stream().map(range -> range.after(one.from()))).toList();
            if (!own.stream().allMatch(Range::isOneValue)) {
                bound += RANGE;
                break;
            }
            bound += SINGLE;
        }
        if (bound == 0) {
            ranges = List.of(Range.EVERYTHING);
        }
        int direction = order == null || limit == 0 ? 0 : directionOf(order, members, index, single);
        return new Walk(index, ranges, bound, direction != 0, direction < 0);
    }

    /** 1 or -1 where an order is that of the members from one on; otherwise 0. */
    private static int directionOf(Document order, List<String> members, WalkableIndex index, int from) {
        int direction = 0;
        int member = from;
        for (Map.Entry<String, Object> entry : order.entrySet()) {
            int own = entry.getValue() instanceof Number number ? Integer.signum(number.intValue()) : 0;
            if (member == members.size() || !members.get(member).equals(entry.getKey()) || !index.isOrdered(member)
                    || direction != 0 && own != direction) {
                return 0;
            }
            direction = own;
            member += 1;
        }
        return direction;
    }

    /** Straight to the documents whose ids are asked for, and to no others. */
    boolean isById() {
        return index instanceof IdIndex && bound == SINGLE;
    }

    private boolean isWorthwhile(Map<String, List<Range>> bounds) {
        return index.hasAll(bounds) && (bound > 0 || inOrder || index.leavesOut());
    }

    Stream<String> places() {
        return ranges.stream().flatMap(this::places);
    }

    Stream<String> places(Range range) {
        return index.places(range, backwards);
    }

    static <V> Cursor<String, V> cursor(MVMap<String, V> map, Range range, boolean backwards) {
        return backwards ? map.cursor(range.to(), range.from(), true) : map.cursor(range.from(), range.to(), false);
    }

    static Stream<String> streamOf(Iterator<String> places) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(places, Spliterator.ORDERED), false);
    }
}
