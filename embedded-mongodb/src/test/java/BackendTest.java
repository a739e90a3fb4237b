import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MessageHeader;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BackendTest {
    @TempDir
    private Path folder;
    private MVStore store;
    private Backend backend;

    @BeforeEach
    void openFile() {
        open(folder.resolve("data.mv.db"));
    }

    @AfterEach
    void close() {
        backend.close();
    }

    @Test
    void hasDocumentsAndIndexesAfterARestart() {
        createIndex("due", false);
        createIndex("shop", true);
        insert(1, 20);
        reopen(folder.resolve("data.mv.db"));
        assertEquals(List.of(20, 19, 18), idsByDue(-1, 3));
        assertTrue(insert(1, 1).containsKey("writeErrors"), "an id is unique");
        Document sameShop = run("insert", "documents", List.of(new Document("_id", 99).append("shop", "shop 7")));
        assertEquals(11_000, ((Document) ((List<?>) sameShop.get("writeErrors")).get(0)).get("code"));
        assertEquals(20, count());
    }

    @Test
    void hasEveryAnsweredWriteInAFileThatWasNeverClosed() throws Exception {
        createIndex("due", false);
        insert(1, 5);
        run("update", "updates", List.of(new Document("q", new Document("_id", 1))
                .append("u", new Document("$set", new Document("due", 100)))));
        run("delete", "deletes", List.of(new Document("q", new Document("_id", 2)).append("limit", 1)));
        Path copy = Files.copy(folder.resolve("data.mv.db"), folder.resolve("copy.mv.db"));
        reopen(copy);
        assertEquals(List.of(1, 5, 4, 3), idsByDue(-1, 10));
    }

    @Test
    void createsAnIndexAgainWhoseCreationWasInterrupted() {
        createIndex("due", false);
        insert(1, 5);
        MVMap<String, Integer> entries = OrderedIndex.open(store, OrderedIndex.MAPS + "shop.tasks.due");
        assertEquals(6, entries.size(), "five documents and the marker");
        entries.clear();
        store.commit();
        reopen(folder.resolve("data.mv.db"));
        assertEquals(List.of(1, 2, 3, 4, 5), idsByDue(1, 10));
        assertEquals(6, OrderedIndex.open(store, OrderedIndex.MAPS + "shop.tasks.due").size());
    }

    @Test
    void keepsNothingOfADroppedIndexOrCollection() {
        createIndex("due", false);
        createIndex("shop", true);
        insert(1, 5);
        run("dropIndexes", "index", "due");
        assertFalse(store.hasMap(OrderedIndex.MAPS + "shop.tasks.due"));
        assertEquals(List.of(1, 2, 3, 4, 5), idsByDue(1, 10));
        execute(new Document("drop", "tasks"));
        assertFalse(store.hasMap(Documents.MAPS + "shop.tasks"));
        insert(6, 7);
        assertEquals(2, count());
    }

    @Test
    void aggregatesOnlyWhatItsFirstStageMatches() {
        createIndex("due", false);
        insert(1, 20);
        Document match = new Document("$match", new Document("due", new Document("$gt", 15)));
        Document group = new Document("$group", new Document("_id", null).append("n", new Document("$sum", 1)));
        Document answer = execute(new Document("aggregate", "tasks").append("pipeline", List.of(match, group))
                .append("cursor", new Document()));
        assertEquals(5, firstBatch(answer).get(0).get("n"));
    }

    @Test
    void aggregatesWithoutAMatch() {
        insert(1, 20);
        Document group = new Document("$group", new Document("_id", null).append("n", new Document("$sum", 1)));
        Document answer = execute(new Document("aggregate", "tasks")
                .append("pipeline", List.of(new Document("$limit", 7), group)).append("cursor", new Document()));
        assertEquals(7, firstBatch(answer).get(0).get("n"));
    }

    @Test
    void countsTheDocumentsThatAnExplainedQueryReads() {
        createIndex("due", false);
        insert(1, 20);
        Document due = new Document("due", new Document("$gt", 15));
        Document found = explain(new Document("find", "tasks").append("filter", due.append("shop", "shop 20")));
        assertEquals(new Document("nReturned", 1).append("totalKeysExamined", 5L).append("totalDocsExamined", 5L),
                found.get("executionStats"));
        Document all = explain(new Document("find", "tasks").append("filter", new Document("shop", "shop 20")));
        assertEquals(new Document("nReturned", 1).append("totalKeysExamined", 0L).append("totalDocsExamined", 20L),
                all.get("executionStats"));
        List<Document> pipeline = List.of(new Document("$match", new Document("due", new Document("$gt", 10))),
                new Document("$limit", 3));
        Document limited = explain(new Document("aggregate", "tasks").append("pipeline", pipeline));
        assertEquals(new Document("nReturned", 3).append("totalKeysExamined", 3L).append("totalDocsExamined", 3L),
                limited.get("executionStats"));
    }

    private Document explain(Document command) {
        return execute(new Document("explain", command));
    }

    private void open(Path file) {
        store = Launcher.openStore(file.toString());
        backend = new Backend(store);
    }

    private void reopen(Path file) {
        backend.close();
        open(file);
    }

    private void createIndex(String field, boolean unique) {
        run("createIndexes", "indexes", List.of(new Document("name", field).append("key", new Document(field, 1))
                .append("unique", unique)));
    }

    private Document insert(int first, int last) {
        return run("insert", "documents", IntStream.rangeClosed(first, last)
                .mapToObj(n -> new Document("_id", n).append("shop", "shop " + n).append("due", n)).toList());
    }

    private List<Object> idsByDue(int direction, int limit) {
        Document answer = execute(new Document("find", "tasks").append("sort", new Document("due", direction))
                .append("limit", limit));
        return firstBatch(answer).stream().map(document -> document.get("_id")).toList();
    }

    private Object count() {
        return execute(new Document("count", "tasks")).get("n");
    }

    private Document run(String command, String member, Object value) {
        return execute(new Document(command, "tasks").append(member, value));
    }

    private Document execute(Document command) {
        Document message = command.append("$db", "shop");
        Document answer = backend.handleMessage(
                new MongoMessage(new EmbeddedChannel(), new MessageHeader(1, 0), message));
        assertEquals(1.0, ((Number) answer.get("ok")).doubleValue(), answer::toString);
        return answer;
    }

    private static List<Document> firstBatch(Document answer) {
        return ((List<?>) ((Document) answer.get("cursor")).get("firstBatch")).stream()
                .map(Document.class::cast).toList();
    }
}
