/**
 * The API of live migrations: addresses, limits and progress.
 *
 * <p>{@code Machine.migrate} returns a {@link org.microvm.machine.migration.Migration} with its
 * {@link org.microvm.machine.migration.MigrationProgress}. Its parameters are a {@link
 * org.microvm.machine.migration.MigrationAddress}, {@link
 * org.microvm.machine.migration.MigrationLimits} and {@link
 * org.microvm.machine.migration.MigrationMemory}.
 */
package org.microvm.machine.migration;
