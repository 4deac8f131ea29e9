package org.microvm.agent;

import java.util.Optional;

/**
 * The guest's kernel, and its operating system according to {@code /etc/os-release}.
 *
 * @param kernelRelease such as {@code 6.1.0}
 * @param kernelVersion the kernel's build
 * @param machine such as {@code x86_64}
 * @param id short name for programs
 * @param name name for people
 * @param prettyName name and version for people
 * @param version version for people
 * @param versionId version for programs
 * @param variant edition for people
 * @param variantId edition for programs
 */
public record OsInfo(
    Optional<String> kernelRelease,
    Optional<String> kernelVersion,
    Optional<String> machine,
    Optional<String> id,
    Optional<String> name,
    Optional<String> prettyName,
    Optional<String> version,
    Optional<String> versionId,
    Optional<String> variant,
    Optional<String> variantId) {
  static OsInfo of(Answer answer) {
    return new OsInfo(
        answer.optionalText("kernel-release"),
        answer.optionalText("kernel-version"),
        answer.optionalText("machine"),
        answer.optionalText("id"),
        answer.optionalText("name"),
        answer.optionalText("pretty-name"),
        answer.optionalText("version"),
        answer.optionalText("version-id"),
        answer.optionalText("variant"),
        answer.optionalText("variant-id"));
  }
}
