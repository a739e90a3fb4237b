import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.h2.mvstore.MVStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 30, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SocketServerTest {
    private static final int OP_MSG = 2013;
    private static final int HEADER_BYTES = 16;
    private static final int FLAGS_AND_KIND_BYTES = 5;

    @TempDir
    private Path folder;

    @Test
    void answersClientsOnItsSocketUntilItStops() throws IOException {
        UnixDomainSocketAddress socket = UnixDomainSocketAddress.of(folder.resolve("mongodb.sock"));
        MVStore store = Launcher.openStore(folder.resolve("data.mv.db").toString());
        Backend backend = new Backend(store);
        backend.version(new CurrentVersion());
        SocketServer server = new SocketServer(socket.getPath(), backend);
        try (SocketChannel one = SocketChannel.open(socket); SocketChannel other = SocketChannel.open(socket)) {
            assertTrue((int) ask(one, new Document("isMaster", 1)).get("maxWireVersion") >= 9);
            ask(one, new Document("insert", "tasks").append("documents", List.of(new Document("_id", "a"))));
            Document found = ask(other, new Document("find", "tasks"));
            assertEquals(List.of(new Document("_id", "a")), ((Document) found.get("cursor")).get("firstBatch"));

            server.stop();
            assertThrows(IOException.class, () -> ask(one, new Document("ping", 1)));
        }
        assertThrows(IOException.class, () -> SocketChannel.open(socket));
        assertTrue(store.isClosed());
    }

    /** Sends one OP_MSG and reads the answer, as a driver does. */
    private static Document ask(SocketChannel client, Document command) throws IOException {
        ByteBuf message = Unpooled.buffer();
        message.writeIntLE(0).writeIntLE(1).writeIntLE(0).writeIntLE(OP_MSG).writeIntLE(0).writeByte(0);
        BsonEncoder.encodeDocument(command.append("$db", "shop"), message);
        message.setIntLE(0, message.readableBytes());
        message.readBytes(Channels.newOutputStream(client), message.readableBytes());

        DataInputStream input = new DataInputStream(Channels.newInputStream(client));
        int length = Integer.reverseBytes(input.readInt());
        byte[] answer = new byte[length - Integer.BYTES];
        input.readFully(answer);
        return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(answer)
                .skipBytes(HEADER_BYTES - Integer.BYTES + FLAGS_AND_KIND_BYTES));
    }
}
