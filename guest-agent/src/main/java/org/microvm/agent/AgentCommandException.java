package org.microvm.agent;

import java.util.List;

/** The agent answered with an error: it works, but the command failed. */
public sealed class AgentCommandException extends AgentException
    permits UnknownCommandException, UnsupportedCommandException {
  private static final long serialVersionUID = 1L;

  /** The texts with which versions of the agent report that the guest lacks a feature. */
  private static final List<String> UNSUPPORTED =
      List.of("not currently supported", "not supported by the guest");

  /** The command that failed. */
  private final String command;

  /** The error's class. */
  private final String errorClass;

  /** The error's description. */
  private final String description;

  AgentCommandException(String command, String errorClass, String description) {
    super(command + ": " + description + " (" + errorClass + ")");
    this.command = command;
    this.errorClass = errorClass;
    this.description = description;
  }

  /** Creates the exception for an error's class and description. */
  static AgentCommandException of(String command, String errorClass, String description) {
    if (errorClass.equals("CommandNotFound")) {
      return new UnknownCommandException(command, errorClass, description);
    }
    if (errorClass.equals("Unsupported") || UNSUPPORTED.stream().anyMatch(description::contains)) {
      return new UnsupportedCommandException(command, errorClass, description);
    }
    return new AgentCommandException(command, errorClass, description);
  }

  /** {@return the command that failed} */
  public String command() {
    return command;
  }

  /** {@return the error's class, such as {@code CommandNotFound} or {@code GenericError}} */
  public String errorClass() {
    return errorClass;
  }

  /** Whether the agent did not find a file; there is no error class for that. */
  boolean saysNoSuchFile() {
    return description.contains("No such file or directory");
  }

  /** {@return the agent's description of the error} */
  public String description() {
    return description;
  }
}
