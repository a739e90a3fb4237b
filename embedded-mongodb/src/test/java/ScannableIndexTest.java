import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.bson.Document;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The index of ids, ordered indexes, and which of them a query is read through. */
class ScannableIndexTest {
    private final MVStore store = new MVStore.Builder().open();
    private final MVMap<String, byte[]> documents = Documents.open(store, "shop.tasks");
    private final IdIndex ids = new IdIndex("_id_", keys("_id"), documents);

    @AfterEach
    void closeStore() {
        store.close();
    }

    @Test
    void ofIdsReadsTheCollectionInTheOrderOfItsIds() {
        for (Object id : List.of("b", 10, 9, "a")) {
            documents.put(Key.of(id), new byte[0]);
        }
        List<String> sorted = Stream.of(9, 10, "a", "b").map(Key::of).toList();
        assertEquals(sorted, ids.positions(Range.EVERYTHING, false).toList());
        List<String> reversed = Stream.of("b", "a", 10, 9).map(Key::of).toList();
        assertEquals(reversed, ids.positions(Range.EVERYTHING, true).toList());
        assertEquals(List.of(Key.of("a")), ids.positions(Range.only(Key.of("a")), false).toList());
        assertEquals(4, ids.getCount());
    }

    @Test
    void ofIdsKnowsWhetherAnIdHasNoOrder() {
        documents.put(Key.of("a"), new byte[0]);
        assertTrue(ids.isOrdered(0));
        documents.put(Key.of(new Document("a", 1)), new byte[0]);
        assertFalse(ids.isOrdered(0));
    }

    @Test
    void sortsByItsFieldsAndThenById() {
        OrderedIndex index = index(false, "shop", "due.at");
        add(index, task("1", "b", 1), task("3", "a", 2), task("2", "a", 2), task("4", "a", 1), task("5", "a", null));
        assertEquals(List.of("5", "4", "2", "3", "1"), idsOf(index, Range.EVERYTHING, false));
        assertEquals(List.of("1", "3", "2", "4", "5"), idsOf(index, Range.EVERYTHING, true));
        assertEquals(List.of("5", "4", "2", "3"), idsOf(index, Range.only(Key.of("a")), false));
    }

    @Test
    void followsUpdatesAndRemovals() {
        OrderedIndex index = index(false, "shop");
        Document before = task("1", "a", 1);
        Document after = task("1", "c", 1);
        add(index, before, task("2", "b", 1));
        index.updateInPlace(before, after, Key.of("1"), null);
        assertEquals(List.of("2", "1"), idsOf(index, Range.EVERYTHING, false));
        index.remove(after);
        assertEquals(List.of("2"), idsOf(index, Range.EVERYTHING, false));
    }

    @Test
    void leavesOutDocumentsWithoutItsFieldsOnlyIfSparse() {
        Document without = new Document("_id", "1");
        Document withNull = new Document("_id", "2").append("shop", null);
        OrderedIndex sparse = index(true, "shop");
        add(sparse, without, withNull);
        assertEquals(List.of("2"), idsOf(sparse, Range.EVERYTHING, false));
        OrderedIndex full = index(false, "shop");
        add(full, without, withNull);
        assertEquals(List.of("1", "2"), idsOf(full, Range.EVERYTHING, false));
    }

    @Test
    void marksAFieldThatGotAValueWithoutAnOrder() {
        OrderedIndex index = index(false, "shop", "due.at");
        add(index, task("1", "a", 1));
        assertTrue(index.isOrdered(0) && index.isOrdered(1));
        add(index, task("2", "a", List.of(1)));
        assertTrue(index.isOrdered(0));
        assertFalse(index.isOrdered(1));
    }

    @Test
    void isEmptyUntilItIsComplete() {
        OrderedIndex index = index(false, "shop");
        add(index, task("1", "a", 1));
        assertTrue(index.isEmpty());
        index.markComplete();
        assertFalse(index.isEmpty());
    }

    @Test
    void isChosenByHowManyOfItsFieldsAQueryBounds() {
        OrderedIndex shop = index(false, "shop");
        OrderedIndex due = index(false, "shop", "due.at");
        Document query = new Document("shop", "a").append("due.at", new Document("$lte", 5));
        assertSame(due, best(query, null, 0, ids, shop, due).index());
        assertSame(shop, best(new Document("shop", "a"), null, 0, ids, shop).index());
        assertNull(best(new Document("state", "open"), null, 0, ids, shop, due));
        assertNull(best(new Document("due.at", 5), null, 0, ids, shop, due));
    }

    @Test
    void isChosenForTheOrderOfALimitedQuery() {
        OrderedIndex shop = index(false, "shop");
        OrderedIndex due = index(false, "shop", "due.at");
        Document byDue = new Document("due.at", -1).append("_id", -1);
        IndexScan limited = best(new Document("shop", "a"), byDue, 10, ids, shop, due);
        assertSame(due, limited.index());
        assertTrue(limited.inOrder() && limited.backwards());
        assertFalse(best(new Document("shop", "a"), byDue, 0, ids, shop, due).inOrder());
        Document mixed = new Document("due.at", -1).append("_id", 1);
        assertFalse(best(new Document("shop", "a"), mixed, 10, ids, shop, due).inOrder());
    }

    @Test
    void inTheOrderOfTheQueryGivesWayToBoundsThatHoldFewEntries() {
        OrderedIndex due = index(false, "shop", "due.at");
        OrderedIndex state = index(false, "shop", "state");
        Document query = new Document("shop", "a").append("state", "open");
        Document byDue = new Document("due.at", 1);
        add(state, task("1", "a", 1).append("state", "open"));
        for (int id = 2; id < 2_000; id += 1) {
            add(state, task(String.valueOf(id), "a", 1).append("state", "done"));
        }
        IndexScan few = best(query, byDue, 10, ids, due, state);
        assertSame(state, few.index());
        assertFalse(few.inOrder());
        assertSame(due, best(new Document("shop", "a").append("state", "done"), byDue, 10, ids, due, state).index());
    }

    @Test
    void isChosenBeforeOneWithTheSameBoundsIfItLeavesOutDocuments() {
        OrderedIndex all = index(false, "shop", "due.at");
        OrderedIndex some = index(true, "shop", "due.at");
        assertSame(some, best(new Document("shop", "a"), null, 0, all, some).index());
    }

    @Test
    void givesWayToTheIdsThatAQueryLists() {
        OrderedIndex shop = index(false, "shop");
        Document query = new Document("shop", "a").append("_id", new Document("$in", List.of("1", "2")));
        IndexScan scan = best(query, null, 0, shop, ids);
        assertTrue(scan.isById());
        documents.put(Key.of("1"), new byte[0]);
        documents.put(Key.of("3"), new byte[0]);
        assertEquals(List.of(Key.of("1")), scan.positions().toList());
    }

    @Test
    void isNotUsedForDocumentsThatASparseIndexLeavesOut() {
        OrderedIndex sparse = index(true, "shop");
        assertNull(best(new Document("shop", null), null, 0, sparse));
        assertSame(sparse, best(new Document("shop", "a"), null, 0, sparse).index());
        assertSame(sparse, best(new Document("shop", new Document("$exists", true)), null, 0, sparse).index());
    }

    private static IndexScan best(Document query, Document order, int limit, ScannableIndex... indexes) {
        return IndexScan.best(List.of(indexes), query, order, limit);
    }

    private OrderedIndex index(boolean sparse, String... fields) {
        String name = String.join("_", fields) + (sparse ? "_sparse" : "");
        return new OrderedIndex(name, keys(fields), sparse, false, OrderedIndex.open(store, OrderedIndex.MAPS + name));
    }

    private static List<IndexKey> keys(String... fields) {
        return Arrays.stream(fields).map(field -> new IndexKey(field, true)).toList();
    }

    private static Document task(String id, String shop, Object due) {
        return new Document("_id", id).append("shop", shop).append("due", new Document("at", due));
    }

    private static void add(OrderedIndex index, Document... documents) {
        for (Document document : documents) {
            index.add(document, Key.of(document.get("_id")), null);
        }
    }

    private static List<String> idsOf(OrderedIndex index, Range range, boolean backwards) {
        List<String> ids = List.of("1", "2", "3", "4", "5");
        return index.positions(range, backwards).map(position -> ids.stream()
                .filter(id -> Key.of(id).equals(position)).findFirst().orElseThrow()).toList();
    }
}
