import de.bwaldvogel.mongo.bson.Document;
import java.util.Map;
import java.util.Set;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ObjectDataType;

/**
 * Files that were written before documents were BSON: the server's own maps of serialized Java objects. They are read
 * once, and what is in them written anew; a start that is cut short begins again.
 */
final class SerializedDocuments {
    private static final String MAPS = "databases.";
    private static final int COMMIT_EACH = 1_000;

    private SerializedDocuments() {
    }

    static void convert(MVStore store) {
        for (String name : Set.copyOf(store.getMapNames())) {
            if (name.startsWith(MAPS)) {
                MVMap<Object, Document> before = store.openMap(name, new MVMap.Builder<Object, Document>()
                        .keyType(new ObjectDataType()));
                MVMap<String, byte[]> after = Documents.open(store, name.substring(MAPS.length()));
                int count = 0;
                for (Map.Entry<Object, Document> entry : before.entrySet()) {
                    after.put(Key.of(entry.getKey()), Documents.encoded(entry.getValue()));
                    count += 1;
                    if (count % COMMIT_EACH == 0) {
                        store.commit();
                    }
                }
                store.removeMap(before);
                store.commit();
            }
        }
        // Unique indexes and sizes: both are made anew of the documents.
        for (String name : Set.copyOf(store.getMapNames())) {
            if (!name.startsWith(Documents.MAPS) && !name.startsWith(OrderedIndex.MAPS)) {
                store.removeMap(name);
            }
        }
        store.commit();
    }
}
