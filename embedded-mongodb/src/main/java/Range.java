import de.bwaldvogel.mongo.backend.Utils;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A range of keys, both ends included. */
record Range(String from, String to) {
    /** Sorts after every character with which a key can continue. */
    private static final String END = "\u00ff";
    static final Range EVERYTHING = new Range(Key.of(null), END);

    static Range only(String key) {
        return new Range(key, key + END);
    }

    boolean isOneValue() {
        return to.equals(from + END);
    }

    boolean hasNull() {
        return from.compareTo(EVERYTHING.from) <= 0;
    }

    Range after(String beginning) {
        return new Range(beginning + from, beginning + to);
    }

    /**
     * The ranges of each field outside of which no document matches the query. A condition without an order sets no
     * bounds, and neither does `$or`, from which MongoDB derives no bounds either: the caller checks each document
     * against the whole query in any case.
     */
    static Map<String, List<Range>> boundsOf(Document query) {
        Map<String, List<Range>> bounds = new HashMap<>();
        query.forEach((field, condition) -> {
            if (field.equals("$and") && condition instanceof Collection<?> all) {
                for (Object one : all) {
                    if (one instanceof Document each) {
                        boundsOf(each).forEach((name, ranges) -> bounds.merge(name, ranges, Range::intersection));
                    }
                }
            } else if (!field.startsWith("$")) {
                for (List<Range> ranges : rangesOf(condition)) {
                    bounds.merge(field, ranges, Range::intersection);
                }
            }
        });
        return bounds;
    }

    /** The ranges of each operator in the condition; all of them apply together. */
    private static List<List<Range>> rangesOf(Object condition) {
        if (!(condition instanceof Document operators)) {
            return Key.isOrdered(condition) ? List.of(List.of(only(Key.of(condition)))) : List.of();
        }
        List<List<Range>> ranges = new ArrayList<>();
        operators.forEach((operator, value) -> {
            if (operator.equals("$in") && value instanceof Collection<?> values) {
                if (values.stream().allMatch(Key::isOrdered)) {
                    Set<String> keys = new TreeSet<>();
                    values.forEach(each -> keys.add(Key.of(each)));
                    ranges.add(keys.stream().map(Range::only).toList());
                }
            } else if (operator.equals("$exists") && Utils.isTrue(value)) {
                ranges.add(List.of(EVERYTHING));
            } else if (operator.equals("$ne") && value == null) {
                ranges.add(List.of(new Range(EVERYTHING.from + END, END)));
            } else if (Key.isOrdered(value) && (value != null || operator.equals("$eq"))) {
                Range range = rangeOf(operator, Key.of(value));
                if (range != null) {
                    ranges.add(List.of(range));
                }
            }
        });
        return ranges;
    }

    /** A comparison matches values of the same type only, so the range ends where the type ends. */
    private static Range rangeOf(String operator, String key) {
        String first = key.substring(0, 1);
        String last = String.valueOf((char) (key.charAt(0) + 1));
        return switch (operator) {
            case "$eq" -> only(key);
            case "$gt" -> new Range(key + END, last);
            case "$gte" -> new Range(key, last);
            case "$lt" -> new Range(first, key);
            case "$lte" -> new Range(first, key + END);
            default -> null;
        };
    }

    private static List<Range> intersection(List<Range> some, List<Range> others) {
        List<Range> intersection = new ArrayList<>();
        for (Range one : some) {
            for (Range other : others) {
                Range both = new Range(max(one.from, other.from), min(one.to, other.to));
                if (both.from.compareTo(both.to) <= 0) {
                    intersection.add(both);
                }
            }
        }
        return intersection;
    }

    private static String min(String one, String other) {
        return one.compareTo(other) <= 0 ? one : other;
    }

    private static String max(String one, String other) {
        return one.compareTo(other) >= 0 ? one : other;
    }
}
