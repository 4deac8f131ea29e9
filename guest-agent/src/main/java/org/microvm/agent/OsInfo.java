package org.microvm.agent;

import java.util.Optional;

/**
 * The guest's kernel, and its operating system according to {@code /etc/os-release}.
 *
 * @param kernelRelease such as {@code 6.1.0}
 * @param kernelVersion the kernel's build
 * @param machine such as {@code x86_64}
 * @param id short name for programs ({@code ID})
 * @param name name for display ({@code NAME})
 * @param prettyName name and version for display ({@code PRETTY_NAME})
 * @param version version for display ({@code VERSION})
 * @param versionId version for programs ({@code VERSION_ID})
 * @param variant edition for display ({@code VARIANT})
 * @param variantId edition for programs ({@code VARIANT_ID})
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
