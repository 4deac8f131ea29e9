import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.constant.ClassDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/**
 * Adds stack maps to the classes of a jar that are older than class file version 50, which introduced them: {@code java
 * tools/RewriteOldClasses.java JAR}. The JVM's ahead-of-time cache does not store older classes, so they would be
 * parsed and verified at every start. Picocli's classes have version 49.
 */
final class RewriteOldClasses {
  private static final int FIRST_WITH_STACK_MAPS = ClassFile.JAVA_6_VERSION;
  private static final int NEW_VERSION = ClassFile.JAVA_8_VERSION;

  private RewriteOldClasses() {}

  public static void main(String[] words) throws IOException {
    Path jar = Path.of(words[0]);
    Path rewritten = jar.resolveSibling(jar.getFileName() + ".new");
    try (JarFile old = new JarFile(jar.toFile());
        JarOutputStream out = new JarOutputStream(Files.newOutputStream(rewritten))) {
      ClassFile tool = tool(old);
      for (JarEntry entry : old.stream().toList()) {
        byte[] bytes = old.getInputStream(entry).readAllBytes();
        JarEntry same = new JarEntry(entry.getName());
        same.setTimeLocal(entry.getTimeLocal());
        out.putNextEntry(same);
        out.write(entry.getName().endsWith(".class") ? rewrite(tool, bytes) : bytes);
      }
    }
    Files.move(rewritten, jar, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Stack maps contain common superclasses, so the tool needs the class hierarchy of the jar and of the JDK. */
  private static ClassFile tool(JarFile jar) {
    ClassHierarchyResolver hierarchy =
        ClassHierarchyResolver.ofResourceParsing(name -> open(jar, name))
            .orElse(ClassHierarchyResolver.ofResourceParsing(ClassLoader.getSystemClassLoader()));
    return ClassFile.of(
        ClassFile.ClassHierarchyResolverOption.of(hierarchy), ClassFile.StackMapsOption.GENERATE_STACK_MAPS);
  }

  private static InputStream open(JarFile jar, ClassDesc name) {
    String descriptor = name.descriptorString();
    JarEntry entry = jar.getJarEntry(descriptor.substring(1, descriptor.length() - 1) + ".class");
    try {
      return entry == null ? null : jar.getInputStream(entry);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] rewrite(ClassFile tool, byte[] bytes) {
    ClassModel model = tool.parse(bytes);
    if (model.majorVersion() >= FIRST_WITH_STACK_MAPS) {
      return bytes;
    }
    ClassTransform version =
        (to, element) ->
            to.with(element instanceof ClassFileVersion ? ClassFileVersion.of(NEW_VERSION, 0) : element);
    // A method body that is copied as a whole gets no stack maps, so every element is copied separately.
    ClassTransform code = ClassTransform.transformingMethodBodies((to, element) -> to.with(element));
    return tool.transformClass(model, version.andThen(code));
  }
}
