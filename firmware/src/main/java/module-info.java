/** What the guest finds at its first instruction: kernel, boot parameters, tables. */
module org.microvm.firmware {
  requires transitive org.microvm.kvm;
  requires com.github.luben.zstd_jni;
  requires org.tukaani.xz;

  exports org.microvm.firmware;
}
