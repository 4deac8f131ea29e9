/** Connections of host programs to unix sockets. */
module org.microvm.socket {
  exports org.microvm.socket;
}
