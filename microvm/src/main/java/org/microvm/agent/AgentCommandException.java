package org.microvm.agent;

/** The agent answered with an error object: it is well, but the command did not succeed. */
public sealed class AgentCommandException extends AgentException
    permits UnknownCommandException, UnsupportedCommandException {
  private static final long serialVersionUID = 1L;

  /** What every version of the agent says where the guest's system lacks a feature. */
  private static final String UNSUPPORTED = "not currently supported";

  private final String command;
  private final String errorClass;
  private final String description;

  AgentCommandException(String command, String errorClass, String description) {
    super(command + ": " + description + " (" + errorClass + ")");
    this.command = command;
    this.errorClass = errorClass;
    this.description = description;
  }

  /** The exception for an error's class and description. */
  static AgentCommandException of(String command, String errorClass, String description) {
    if (errorClass.equals("CommandNotFound")) {
      return new UnknownCommandException(command, errorClass, description);
    }
    if (errorClass.equals("Unsupported") || description.contains(UNSUPPORTED)) {
      return new UnsupportedCommandException(command, errorClass, description);
    }
    return new AgentCommandException(command, errorClass, description);
  }

  /** The command that failed. */
  public String command() {
    return command;
  }

  /** The error's class, such as {@code CommandNotFound} or {@code GenericError}. */
  public String errorClass() {
    return errorClass;
  }

  /** The agent's own words. */
  public String description() {
    return description;
  }
}
