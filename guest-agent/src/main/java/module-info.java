/** A client of the QEMU guest agent, over the host end of a channel. */
module org.microvm.agent {
  requires transitive com.fasterxml.jackson.databind;
  requires org.microvm.socket;

  exports org.microvm.agent;
}
