package org.microvm.oci;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Finds fields that the classes of the Kubernetes API do not know, which they keep apart. */
final class Additional {
  private static final Path FILE = Path.of("..", "deploy", "kubernetes", "microvm.yaml");

  private Additional() {}

  /** Compares the file with what its typed form writes without its additional properties. */
  static List<String> in(io.fabric8.kubernetes.api.model.HasMetadata typed) {
    try {
      List<String> unknown = new ArrayList<>();
      walk("", typed, new YAMLMapper().readTree(FILE.toFile()), unknown);
      return unknown;
    } catch (IOException | ReflectiveOperationException e) {
      throw new UncheckedIOException(new IOException(e));
    }
  }

  private static void walk(String path, Object typed, JsonNode file, List<String> unknown)
      throws ReflectiveOperationException {
    if (typed instanceof List<?> list) {
      for (int i = 0; i < list.size(); i++) {
        walk(path + "[" + i + "]", list.get(i), file.path(i), unknown);
      }
      return;
    }
    if (typed == null
        || !typed.getClass().getName().startsWith("io.fabric8.kubernetes.api.model")) {
      return;
    }
    for (var method : typed.getClass().getMethods()) {
      if (method.getParameterCount() != 0 || !method.getName().startsWith("get")) {
        continue;
      }
      if (method.getName().equals("getAdditionalProperties")) {
        ((java.util.Map<?, ?>) method.invoke(typed))
            .keySet()
            .forEach(key -> unknown.add(path + "." + key));
      } else if (method.getName().length() > 3) {
        String field =
            Character.toLowerCase(method.getName().charAt(3)) + method.getName().substring(4);
        if (file.has(field)) {
          walk(path + "." + field, method.invoke(typed), file.get(field), unknown);
        }
      }
    }
  }
}
