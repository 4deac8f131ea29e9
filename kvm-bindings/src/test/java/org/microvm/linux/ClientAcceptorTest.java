package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How clients are accepted; an eventfd stands in for the listening socket. */
class ClientAcceptorTest extends EventLoopFixture {
  private final AtomicInteger shortages = new AtomicInteger();
  private ClientAcceptor acceptor;

  @BeforeEach
  void create() {
    acceptor = new ClientAcceptor(loop, first.fd(), "test", this::accept);
  }

  private boolean accept() throws ErrnoException {
    if (shortages.getAndDecrement() > 0) {
      log.add("shortage");
      throw new ErrnoException("accept", Errno.EMFILE);
    }
    first.drain();
    log.add("client");
    return true;
  }

  private void waitingClient() throws Exception {
    acceptor.start();
    loop.start();
    first.signal();
  }

  @Test
  void client_afterShortages_isAccepted() throws Exception {
    shortages.set(2);

    waitingClient();

    assertEquals("shortage", next());
    assertEquals("shortage", next());
    assertEquals("client", next());
  }

  @Test
  void client_duringAPause_waits() throws Exception {
    acceptor.pause();
    waitingClient();
    barrier();
    assertTrue(log.isEmpty(), log.toString());

    loop.execute(acceptor::resume);

    assertEquals("client", next());
  }

  @Test
  void resume_afterAShortage_doesNotEndTheRest() throws Exception {
    shortages.set(Integer.MAX_VALUE);
    waitingClient();
    assertEquals("shortage", next());

    loop.execute(acceptor::resume);
    barrier();
    loop.execute(acceptor::close);
    barrier();

    assertTrue(log.isEmpty(), log.toString());
  }

  @Test
  void startWhenPossible_refusedByTheKernel_startsLater() throws Exception {
    // A descriptor can have one watch at a time.
    EventLoop.Watch other = loop.watch(first.fd(), EventLoop.IN, events -> {});
    acceptor.startWhenPossible();
    other.close();
    loop.start();
    first.signal();

    assertEquals("client", next());
  }
}
