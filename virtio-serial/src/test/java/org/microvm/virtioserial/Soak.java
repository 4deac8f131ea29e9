package org.microvm.virtioserial;

import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * The ports of a soak test and the random operations on them; one thread acts as the guest and as
 * all host programs.
 */
final class Soak {
  private static final int[] LIMITS = {0, 1000, 64 * 1024, 1 << 20};
  private static final int LONGEST_WRITE = 20_000;
  private static final int UNSERVED = 8;
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);

  /** One port number: its current port, and which sides have stopped reading. */
  private static final class Place {
    final int nr;
    final SoakGuest guest;
    SoakHost host;
    int key;
    boolean hostBlocked;
    boolean guestBlocked;

    Place(int nr, SoakGuest guest) {
      this.nr = nr;
      this.guest = guest;
    }

    /** Whether the guest knows the current port of this number. */
    boolean isCommon(int guestKey) {
      return guest.isThere() && guestKey == key;
    }
  }

  private final SerialMachine machine;
  private final Guest guest;
  private final Random random;
  private final Place[] places;
  private final int[] guestKeys;
  private final int[] served;

  private long bytesToGuest;
  private long bytesToHost;
  private long bytesCut;
  private long connections;
  private long plugs;
  private long openings;

  Soak(SerialMachine machine, Random random, int ports) throws Exception {
    this.machine = machine;
    this.random = random;
    guest = machine.guest.boot();
    places = new Place[ports + 1];
    guestKeys = new int[ports + 1];
    served = new int[ports + 1];
    machine.device.removeListener(machine.events); // it remembers everything
    machine.device.addListener(
        new PortListener() {
          @Override
          public void hostConnected(PortInfo port) {
            synchronized (served) {
              served[port.nr()]++;
            }
          }
        });
    for (int nr = 1; nr <= ports; nr++) {
      places[nr] = new Place(nr, new SoakGuest(guest, nr));
      plugIn(places[nr]);
    }
    listen();
  }

  /** Performs a random operation on one of the ports. */
  void step() throws Exception {
    Place place = places[1 + random.nextInt(places.length - 1)];
    switch (random.nextInt(16)) {
      case 0 -> toggleGuest(place);
      case 1 -> toggleHost(place);
      case 2 -> place.guestBlocked = random.nextBoolean();
      case 3 -> place.hostBlocked = random.nextBoolean();
      case 4 -> replug(place);
      case 5, 6, 7, 8, 9 -> guestWrites(place);
      default -> hostWrites(place);
    }
    serve(place);
    listen();
  }

  /** Reads on all sides until everything has arrived. */
  void finish() throws Exception {
    for (Place place : places()) {
      place.guestBlocked = false;
      place.hostBlocked = false;
    }
    long deadline = System.nanoTime() + PATIENCE;
    while (!settle()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("did not arrive in time: " + unfinished());
      }
    }
    machine.idle();
    for (Place place : places()) {
      verify(place);
      count(place);
      place.host.close(place.guest.sent());
    }
  }

  String summary() {
    return "%d MB to guest, %d MB to host, %d connections, %d openings, %d hot-plugs, %d kB cut off"
        .formatted(
            bytesToGuest >> 20, bytesToHost >> 20, connections, openings, plugs, bytesCut >> 10);
  }

  private Place[] places() {
    return java.util.Arrays.copyOfRange(places, 1, places.length);
  }

  private void plugIn(Place place) throws Exception {
    place.key = 1 + random.nextInt(Integer.MAX_VALUE - 1);
    PortConfig config =
        PortConfig.named("k" + place.key)
            .withNr(place.nr)
            .withByteLimit(LIMITS[random.nextInt(LIMITS.length)])
            .withGuestByteLimit(LIMITS[random.nextInt(LIMITS.length)]);
    if (random.nextInt(16) == 0) {
      config = config.withRate(new RateLimit(8 << 20, 5000));
    }
    Path path = machine.path("p" + place.nr);
    machine.device.addPort(config, UnixServerBackend.listen(path, false));
    place.host = new SoakHost(path, place.key);
    synchronized (served) {
      served[place.nr] = 0;
    }
    plugs++;
  }

  private void replug(Place place) throws Exception {
    if (random.nextInt(8) != 0) {
      return;
    }
    machine.device.removePort(place.nr);
    if (place.host.isConnected()) {
      place.host.readToTheEnd();
      place.host.close(Long.MAX_VALUE);
    }
    // The event loop may not have reported the last connection yet.
    machine.idle();
    count(place);
    plugIn(place);
  }

  private void toggleGuest(Place place) {
    if (!place.guest.isThere()) {
      return;
    }
    if (place.guest.isOpen()) {
      place.guest.close();
    } else {
      openings++;
      place.guest.open();
    }
  }

  private void toggleHost(Place place) throws Exception {
    if (place.host.isConnected()) {
      place.host.close(place.guest.isThere() ? sentByGuest(place) : 0);
    } else if (place.host.connections() - servedHosts(place) < UNSERVED) {
      place.host.connect();
    }
  }

  private void guestWrites(Place place) {
    if (place.guest.isThere()) {
      place.guest.write(random);
    }
  }

  private void hostWrites(Place place) throws Exception {
    if (place.host.isConnected()) {
      place.host.write(1 + random.nextInt(LONGEST_WRITE));
    }
  }

  private void serve(Place place) throws Exception {
    place.guest.reclaim();
    if (!place.guestBlocked && place.guest.isThere()) {
      place.guest.read();
    }
    if (!place.hostBlocked && place.host.isConnected() && place.host.read()) {
      throw new AssertionError("port %d: the host program was disconnected".formatted(place.nr));
    }
  }

  /** Handles the driver's control messages. */
  private void listen() {
    for (Control message : guest.waiting()) {
      Place place = places[message.id()];
      switch (message.event()) {
        case Control.PORT_ADD -> guest.ready(place.nr);
        case Control.PORT_NAME -> {
          guestKeys[place.nr] = Integer.parseInt(message.payload().substring(1));
          place.guest.appeared(guestKeys[place.nr]);
        }
        case Control.PORT_REMOVE -> place.guest.vanished();
        default -> {}
      }
    }
  }

  private boolean settle() throws Exception {
    boolean settled = true;
    for (Place place : places()) {
      listen();
      if (place.guest.isThere() && !place.guest.isOpen()) {
        place.guest.open();
      }
      if (!place.host.isConnected()) {
        toggleHost(place);
      }
      if (place.host.isConnected() && place.host.isLost() && place.guest.isDrained()) {
        // All bytes were lost with an earlier connection.
        guestWrites(place);
      }
      serve(place);
      settled &= isSettled(place);
    }
    return settled;
  }

  private boolean isSettled(Place place) {
    return place.isCommon(guestKeys[place.nr])
        && place.guest.isDrained()
        && place.host.isConnected()
        && place.guest.received() == place.host.sent()
        && place.host.position() == place.guest.sent();
  }

  private String unfinished() {
    StringBuilder text = new StringBuilder();
    for (Place place : places()) {
      if (!isSettled(place)) {
        text.append(
            "port %d: host sent %d, guest got %d; guest sent %d, host is at %d; %s%n"
                .formatted(
                    place.nr,
                    place.host.sent(),
                    place.guest.received(),
                    place.guest.sent(),
                    place.host.position(),
                    machine.status(place.nr)));
      }
    }
    return text.toString();
  }

  private void verify(Place place) {
    PortStatistics numbers = machine.numbers(place.nr);
    check(numbers.bytesDropped() == 0, place, "dropped " + numbers.bytesDropped());
    check(numbers.bytesHeldForGuest() == 0, place, "still keeps bytes for the guest");
    check(numbers.bytesHeldForHost() == 0, place, "still keeps bytes for the host");
    check(numbers.bytesToGuest() == place.host.sent(), place, "wrong count of bytes to the guest");
    check(
        numbers.bytesFromGuest() == place.guest.sent(),
        place,
        "wrong count of bytes from the guest");
    check(numbers.malformed() == 0, place, "counts malformed buffers");
  }

  private static void check(boolean holds, Place place, String what) {
    if (!holds) {
      throw new AssertionError("port %d: %s".formatted(place.nr, what));
    }
  }

  private void count(Place place) {
    bytesToGuest += place.host.sent();
    bytesToHost += place.host.position();
    bytesCut += place.host.gaps();
    connections += place.host.connections();
  }

  /** Returns the bytes that the guest has sent to the current port of this number. */
  private long sentByGuest(Place place) {
    return guestKeys[place.nr] == place.key ? place.guest.sent() : 0;
  }

  private int servedHosts(Place place) {
    synchronized (served) {
      return served[place.nr];
    }
  }
}
