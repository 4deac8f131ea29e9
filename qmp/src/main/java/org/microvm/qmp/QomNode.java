package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.LinkedHashMap;
import java.util.Map;

/** An object in the tree that qom-list shows: its type, its properties and its children. */
final class QomNode {
  /**
   * A property.
   *
   * @param type its type, as QEMU names it
   * @param value its value
   */
  record Property(String type, JsonNode value) {}

  private final String type;
  private final Map<String, Property> properties = new LinkedHashMap<>();
  private final Map<String, QomNode> children = new LinkedHashMap<>();

  QomNode(String type) {
    this.type = type;
    put("type", "string", JsonNodeFactory.instance.textNode(type));
  }

  /** Returns the type of the object. */
  String type() {
    return type;
  }

  /** Adds a property. */
  QomNode put(String name, String propertyType, JsonNode value) {
    properties.put(name, new Property(propertyType, value));
    return this;
  }

  /** Adds a property with a text. */
  QomNode put(String name, String propertyType, String value) {
    return put(name, propertyType, JsonNodeFactory.instance.textNode(value));
  }

  /** Adds a property with a number. */
  QomNode put(String name, String propertyType, long value) {
    return put(name, propertyType, JsonNodeFactory.instance.numberNode(value));
  }

  /** Adds a property that is true or false. */
  QomNode put(String name, boolean value) {
    return put(name, "bool", JsonNodeFactory.instance.booleanNode(value));
  }

  /** Adds a child, and returns it. */
  QomNode add(String name, QomNode child) {
    children.put(name, child);
    return child;
  }

  /** Returns the properties; those that name children are not among them. */
  Map<String, Property> properties() {
    return properties;
  }

  /** Returns the children by name. */
  Map<String, QomNode> children() {
    return children;
  }

  /**
   * Returns the object at a path, which is absolute or the name of an object somewhere below this
   * one, or null if there is none.
   */
  QomNode find(String path) {
    if (path.startsWith("/")) {
      QomNode at = this;
      for (String name : path.substring(1).split("/")) {
        at = at == null || name.isEmpty() ? at : at.children.get(name);
      }
      return at;
    }
    QomNode direct = find("/" + path);
    if (direct != null) {
      return path.isEmpty() ? null : direct;
    }
    for (QomNode child : children.values()) {
      QomNode found = child.find(path);
      if (found != null) {
        return found;
      }
    }
    return null;
  }
}
