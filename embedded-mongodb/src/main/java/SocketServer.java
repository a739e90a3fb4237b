import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.wire.MongoDatabaseHandler;
import de.bwaldvogel.mongo.wire.MongoExceptionHandler;
import de.bwaldvogel.mongo.wire.MongoWireMessageEncoder;
import de.bwaldvogel.mongo.wire.MongoWireProtocolHandler;
import de.bwaldvogel.mongo.wire.MongoWireReplyEncoder;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * Listens on a Unix domain socket and on no port: the server has no authentication, so the permissions of the socket's
 * folder decide who may connect. The library's own MongoServer listens on TCP only.
 */
class SocketServer {
    private static final int PENDING_CONNECTIONS_MAX = 100;
    private static final int STOP_WITHIN_SECONDS = 5;

    private final MongoBackend backend;
    private final EventLoopGroup accepting = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final EventLoopGroup serving = new MultiThreadIoEventLoopGroup(NioIoHandler.newFactory());
    private final ChannelGroup clients = new DefaultChannelGroup("clients", serving.next());
    private final Channel listener;

    SocketServer(Path socket, MongoBackend backend) {
        this.backend = backend;
        listener = new ServerBootstrap().group(accepting, serving).channel(NioServerDomainSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, PENDING_CONNECTIONS_MAX)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel client) {
                        client.pipeline().addLast(new MongoWireReplyEncoder(), new MongoWireMessageEncoder(),
                                new MongoWireProtocolHandler(), new MongoDatabaseHandler(backend, clients),
                                new MongoExceptionHandler());
                    }
                }).bind(UnixDomainSocketAddress.of(socket)).syncUninterruptibly().channel();
    }

    void stop() {
        listener.close().syncUninterruptibly();
        clients.close().syncUninterruptibly();
        for (EventLoopGroup group : new EventLoopGroup[] {accepting, serving}) {
            group.shutdownGracefully(0, STOP_WITHIN_SECONDS, TimeUnit.SECONDS).syncUninterruptibly();
        }
        backend.close();
    }
}
