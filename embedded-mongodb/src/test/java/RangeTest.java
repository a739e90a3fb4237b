import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import de.bwaldvogel.mongo.backend.DefaultQueryMatcher;
import de.bwaldvogel.mongo.bson.Document;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RangeTest {
    private static final List<Object> VALUES = Arrays.asList(null, -1, 0, 1, 1.5, 2, 3L, 4, "", "a", "b", true,
            Instant.EPOCH);

    @Test
    void ofOneValueContainsThatValueOnly() {
        assertEquals(List.of(2), within(new Document("n", 2)));
        assertEquals(List.of(2), within(condition("$eq", 2)));
        assertEquals(Arrays.asList((Object) null), within(new Document("n", null)));
    }

    @Test
    void ofAComparisonEndsWhereTheTypeEnds() {
        assertEquals(List.of(3L, 4), within(condition("$gt", 2)));
        assertEquals(List.of(2, 3L, 4), within(condition("$gte", 2)));
        assertEquals(List.of(-1, 0, 1, 1.5), within(condition("$lt", 2)));
        assertEquals(List.of(-1, 0, 1, 1.5, 2), within(condition("$lte", 2)));
        assertEquals(List.of("b"), within(condition("$gt", "a")));
    }

    @Test
    void ofSeveralConditionsIsTheirIntersection() {
        assertEquals(List.of(1.5, 2), within(new Document("n", new Document("$gt", 1).append("$lte", 2))));
        Document both = new Document("$and", List.of(condition("$gt", 1), condition("$in", List.of(0, 2, 4))));
        assertEquals(List.of(2, 4), within(both));
        assertEquals(List.of(), within(new Document("$and", List.of(new Document("n", 1), new Document("n", 2)))));
    }

    @Test
    void derivesNoBoundsFromAlternatives() {
        Document either = new Document("$or", List.of(new Document("n", 1), new Document("n", 2)));
        assertEquals(Map.of(), Range.boundsOf(either));
    }

    @Test
    void ofEachListedValueIsSeparate() {
        assertEquals(2, Range.boundsOf(condition("$in", List.of(3, 1, 3))).get("n").size());
        assertEquals(List.of(1, 3L), within(condition("$in", List.of(3, 1))));
        assertEquals(List.of(), within(condition("$in", List.of())));
    }

    @Test
    void leavesOutFieldsWhoseConditionsHaveNoOrder() {
        for (Document query : List.of(condition("$ne", 1), condition("$nin", List.of(1)), new Document("n", List.of(1)),
                condition("$in", List.of(1, List.of(2))), condition("$regex", "a"), condition("$exists", false))) {
            assertEquals(Map.of(), Range.boundsOf(query), query::toString);
        }
    }

    @Test
    void containsEveryDocumentThatTheLibraryMatches() {
        List<Document> conditions = VALUES.stream().flatMap(value -> List.of("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")
                .stream().map(operator -> new Document(operator, value))).toList();
        int matched = 0;
        for (Document one : conditions) {
            for (Document other : conditions) {
                Document either = new Document("$or", List.of(new Document("n", one), new Document("n", other)));
                Document both = new Document("$and", List.of(new Document("n", one), new Document("n", other)));
                for (Document query : List.of(either, both)) {
                    for (Object value : VALUES) {
                        if (new DefaultQueryMatcher().matches(new Document("n", value), query)) {
                            matched += 1;
                            assertTrue(isWithin(value, query), () -> value + " and " + query);
                        }
                    }
                }
            }
        }
        assertTrue(matched > 10_000, "matched only " + matched);
    }

    private static Document condition(String operator, Object value) {
        return new Document("n", new Document(operator, value));
    }

    private static List<Object> within(Document query) {
        return VALUES.stream().filter(value -> isWithin(value, query)).toList();
    }

    private static boolean isWithin(Object value, Document query) {
        List<Range> ranges = Range.boundsOf(query).get("n");
        // As in an index: the position follows the field's key.
        String key = Key.of(value) + Key.of("id");
        return ranges == null || ranges.stream()
                .anyMatch(range -> range.from().compareTo(key) <= 0 && key.compareTo(range.to()) <= 0);
    }
}
