import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/**
 * Encodes a value as a string that sorts as mongo-java-server sorts the value, so that indexes compare strings only.
 * No key is a prefix of another value's key, so keys can be concatenated. Each character is one byte (0 to 255), which
 * Java stores, compares and copies quickly.
 */
final class Key {
    /** The first character of a key: the type, in MongoDB's order of types. */
    private static final char NULL = 16;
    private static final char NUMBER = 17;
    private static final char TEXT = 18;
    private static final char OBJECT_ID = 19;
    private static final char BOOLEAN = 20;
    private static final char DATE = 21;
    /** Other values, such as lists and NaN: equal values have equal keys, but the keys do not sort as the values. */
    static final char UNORDERED = 31;

    /** The largest whole number up to which a double is exact. */
    private static final long EXACT_MAX = 1L << 53;

    private Key() {
    }

    static String of(Object value) {
        StringBuilder key = new StringBuilder();
        append(key, value);
        return key.toString();
    }

    static boolean isOrdered(Object value) {
        return Missing.isNullOrMissing(value) || value instanceof String || value instanceof Integer
                || value instanceof Long whole && Math.abs(whole) <= EXACT_MAX
                || value instanceof Double number && !number.isNaN() || value instanceof ObjectId
                || value instanceof Boolean || value instanceof Instant;
    }

    static void append(StringBuilder key, Object value) {
        if (!isOrdered(value)) {
            String bson = new String(Documents.encode(new Document("", value)), StandardCharsets.ISO_8859_1);
            appendText(key.append(UNORDERED), bson);
        } else if (value instanceof Number number) {
            // Adding 0.0 turns -0.0 into 0.0.
            long bits = Double.doubleToLongBits(number.doubleValue() + 0.0);
            appendBits(key.append(NUMBER), bits < 0 ? ~bits : bits ^ Long.MIN_VALUE);
        } else if (value instanceof String text) {
            appendText(key.append(TEXT), text);
        } else if (value instanceof ObjectId id) {
            key.append(OBJECT_ID).append(id.getHexData());
        } else if (value instanceof Boolean is) {
            key.append(BOOLEAN).append(is ? '1' : '0');
        } else if (value instanceof Instant at) {
            appendBits(key.append(DATE), at.toEpochMilli() ^ Long.MIN_VALUE);
        } else {
            key.append(NULL);
        }
    }

    /** Encodes each UTF-16 unit as UTF-8 does, escapes 0 and 1, and ends with 0, so that a prefix sorts first. */
    private static void appendText(StringBuilder key, String text) {
        for (int at = 0; at < text.length(); at += 1) {
            char character = text.charAt(at);
            if (character <= 1) {
                key.append('\1').append((char) (character + 1));
            } else if (character < 0x80) {
                key.append(character);
            } else if (character < 0x800) {
                key.append((char) (0xc0 | character >> 6)).append((char) (0x80 | character & 0x3f));
            } else {
                key.append((char) (0xe0 | character >> 12)).append((char) (0x80 | character >> 6 & 0x3f))
                        .append((char) (0x80 | character & 0x3f));
            }
        }
        key.append('\0');
    }

    private static void appendBits(StringBuilder key, long bits) {
        for (int shift = 56; shift >= 0; shift -= 8) {
            key.append((char) (bits >>> shift & 0xff));
        }
    }
}
