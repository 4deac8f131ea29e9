/** What channels are used for, each in one small program. */
module org.microvm.examples {
  requires org.microvm.agent;
  requires org.microvm.machine;
  requires org.microvm.qmp;
}
