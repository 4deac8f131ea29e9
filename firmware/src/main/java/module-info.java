/** Prepares a guest for its first instruction: loads the kernel, boot parameters and tables. */
module org.microvm.firmware {
  requires transitive org.microvm.kvm;
  requires com.github.luben.zstd_jni;
  requires org.tukaani.xz;

  exports org.microvm.firmware;
  exports org.microvm.firmware.acpi;
}
