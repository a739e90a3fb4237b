import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class KeyTest {
    private static final List<Object> ORDERED = Arrays.asList(null, Double.NEGATIVE_INFINITY, -1e300, -(1L << 53), -2,
            -1.5, -1, -0.25, Double.MIN_VALUE, 0, -0.0, 0.25, 1L, 1, 1.0, 1.5, 2, Integer.MAX_VALUE, 1L << 53, 1e300,
            Double.POSITIVE_INFINITY, "", "\0", "\0\0", "\1", "\2", "a", "a\0", "a\0b", "a\1", "ab", "b", "\u007f",
            "\u0080", "é", "\u07ff", "\u0800", "\uff21", "😀", new ObjectId("000000000000000000000001"),
            new ObjectId("ff0000000000000000000000"), false, true, Instant.EPOCH.minusMillis(1), Instant.EPOCH,
            Instant.parse("2026-01-01T00:00:00.001Z"));
    private static final List<Object> UNORDERED = List.of(List.of(1, 2), new Document("a", 1), Double.NaN,
            (1L << 53) + 1);

    @Test
    void sortsAsTheLibrarySortsValues() {
        for (Object one : ORDERED) {
            for (Object other : ORDERED) {
                int expected = Integer.signum(ValueComparator.asc().compare(one, other));
                int actual = Integer.signum(Key.of(one).compareTo(Key.of(other)));
                assertEquals(expected, actual, () -> one + " and " + other);
            }
        }
    }

    @Test
    void isNoPrefixOfAnotherKey() {
        for (Object one : ORDERED) {
            for (Object other : ORDERED) {
                if (!Key.of(one).equals(Key.of(other))) {
                    assertFalse(Key.of(other).startsWith(Key.of(one)), () -> one + " and " + other);
                }
            }
        }
    }

    @Test
    void hasOnlyCharactersOfOneByte() {
        assertEquals(List.of(), ORDERED.stream().map(Key::of)
                .filter(key -> key.chars().anyMatch(character -> character > 255)).toList());
    }

    @Test
    void tellsValuesWithAnOrderFromThoseWithout() {
        assertEquals(List.of(), ORDERED.stream().filter(value -> !Key.isOrdered(value)).toList());
        assertEquals(List.of(), UNORDERED.stream().filter(Key::isOrdered).toList());
    }

    @Test
    void identifiesValuesWithoutAnOrderAndSortsThemLast() {
        assertEquals(Key.of(List.of(1, 2)), Key.of(List.of(1, 2)));
        assertNotEquals(Key.of(List.of(1, 2)), Key.of(List.of(2, 1)));
        for (Object unordered : UNORDERED) {
            for (Object ordered : ORDERED) {
                assertTrue(Key.of(unordered).compareTo(Key.of(ordered)) > 0, () -> unordered + " and " + ordered);
            }
        }
    }
}
