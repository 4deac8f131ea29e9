/** A Linux kernel and a root file system, for programs that have none of their own. */
module org.microvm.guestimages {
  requires org.microvm.machine;

  provides org.microvm.machine.config.GuestImageLibrary with
      org.microvm.guestimages.PackagedImages;
}
