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

/** A plan for a query: read some ranges of one index, in the index's order or backwards. */
record IndexScan(ScannableIndex index, List<Range> ranges, int selectivity, boolean inOrder, boolean backwards) {
    /** The most ranges in one scan. A query with more combinations of `$in` lists uses fewer fields of the index. */
    private static final int RANGES_MAX = 10_000;
    /** The selectivity that a bounded field adds: more for single values than for a range. */
    private static final int VALUE = 2;
    private static final int RANGE = 1;
    /** With the same bounds, a partial index has fewer entries. */
    private static final Comparator<IndexScan> MORE_SELECTIVE = Comparator.comparing(IndexScan::selectivity)
            .thenComparing(scan -> scan.index.isPartial());
    private static final Comparator<IndexScan> BETTER = Comparator.comparing(IndexScan::inOrder)
            .thenComparing(MORE_SELECTIVE);
    /**
     * Up to so many entries, a scan with tighter bounds is better than one in the query's order, which may read the
     * whole index to fill its limit. MongoDB finds this out by trying both.
     */
    private static final int FEW = 1_000;

    /** @return the best scan for the query; null if no index is better than reading all documents */
    static IndexScan best(List<Index<String>> indexes, Document query, Document order, int limit) {
        Map<String, List<Range>> bounds = Range.boundsOf(query);
        if (bounds.isEmpty() && (order == null || limit == 0)) {
            return null;
        }
        IndexScan best = null;
        IndexScan tightest = null;
        for (Index<String> index : indexes) {
            IndexScan scan = of((ScannableIndex) index, bounds, order, limit);
            if (scan.isById()) {
                return scan;
            }
            if (!scan.isUseful(bounds)) {
                continue;
            }
            if (best == null || BETTER.compare(scan, best) > 0) {
                best = scan;
            }
            if (tightest == null || MORE_SELECTIVE.compare(scan, tightest) > 0) {
                tightest = scan;
            }
        }
        boolean isTighter = best != null && best.inOrder && tightest.selectivity > best.selectivity;
        return isTighter && tightest.hasFewEntries() ? tightest : best;
    }

    private static IndexScan of(ScannableIndex index, Map<String, List<Range>> bounds, Document order, int limit) {
        List<String> fields = index.order();
        List<Range> ranges = List.of(new Range("", ""));
        // The number of leading fields that are bounded to single values.
        int single = 0;
        int selectivity = 0;
        for (; single < fields.size(); single += 1) {
            List<Range> own = bounds.get(fields.get(single));
            if (own == null || !index.isOrdered(single) || (long) ranges.size() * own.size() > RANGES_MAX) {
                break;
            }
            ranges = ranges.stream().flatMap(one -> own.stream().map(range -> range.after(one.from()))).toList();
            if (!own.stream().allMatch(Range::isOneValue)) {
                selectivity += RANGE;
                break;
            }
            selectivity += VALUE;
        }
        if (selectivity == 0) {
            ranges = List.of(Range.EVERYTHING);
        }
        int direction = order == null || limit == 0 ? 0 : directionOf(order, fields, index, single);
        return new IndexScan(index, ranges, selectivity, direction != 0, direction < 0);
    }

    /** 1 if the sort order is that of the index fields starting at `from`, -1 if it is the reverse, 0 otherwise. */
    private static int directionOf(Document order, List<String> fields, ScannableIndex index, int from) {
        int direction = 0;
        int field = from;
        for (Map.Entry<String, Object> entry : order.entrySet()) {
            int own = entry.getValue() instanceof Number number ? Integer.signum(number.intValue()) : 0;
            if (field == fields.size() || !fields.get(field).equals(entry.getKey()) || !index.isOrdered(field)
                    || direction != 0 && own != direction) {
                return 0;
            }
            direction = own;
            field += 1;
        }
        return direction;
    }

    /** Whether the scan reads exactly the documents whose ids the query lists. */
    boolean isById() {
        return index instanceof IdIndex && selectivity == VALUE;
    }

    private boolean isUseful(Map<String, List<Range>> bounds) {
        return index.containsAll(bounds) && (selectivity > 0 || inOrder || index.isPartial());
    }

    private boolean hasFewEntries() {
        return positions().limit(FEW + 1L).count() <= FEW;
    }

    Stream<String> positions() {
        return ranges.stream().flatMap(this::positions);
    }

    Stream<String> positions(Range range) {
        return index.positions(range, backwards);
    }

    static <V> Cursor<String, V> cursor(MVMap<String, V> map, Range range, boolean backwards) {
        return backwards ? map.cursor(range.to(), range.from(), true) : map.cursor(range.from(), range.to(), false);
    }

    static Stream<String> streamOf(Iterator<String> positions) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(positions, Spliterator.ORDERED), false);
    }
}
