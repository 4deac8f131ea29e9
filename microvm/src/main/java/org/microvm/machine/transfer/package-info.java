/**
 * The live migration protocol, and its source side. The destination side is {@code
 * IncomingMigration}.
 *
 * <p>{@link org.microvm.machine.transfer.MigrationStream} defines the frames, and who runs the
 * guest if a process dies or the connection is lost. The sequence:
 *
 * <ol>
 *   <li>The source sends HELLO with the protocol version, the size of RAM, the number of vCPUs and
 *       the CPU features. The destination creates its machine and answers OK, or FAILED with the
 *       reason.
 *   <li>The source hands RAM over in MEMORY, or copies it in PAGES while the guest runs: all pages
 *       that are not zero, then, in rounds, those written meanwhile.
 *   <li>The source stops the guest. It sends the last PAGES, over a unix socket the connections of
 *       host programs in LINK, and the STATE.
 *   <li>The destination loads the state and answers READY, or FAILED with the reason.
 *   <li>Over TCP the source sends the bytes that host programs have sent and the guest has not
 *       received, in REST. It unlocks the disks and sends GO. Until then it can send ABORT instead.
 *   <li>The destination locks the disks, sends RUNNING and resumes the guest. The source releases
 *       the guest.
 * </ol>
 *
 * <p>Version rule: a destination accepts only HELLO with its own {@link
 * org.microvm.machine.transfer.MigrationStream#VERSION}. Within a version, only what an older peer
 * tolerates is added: a source that does not send its CPU features is accepted, and MEMORY is sent
 * only to a destination whose OK announces that it accepts it. The STATE has the format and the
 * version rules of {@link org.microvm.devices.state}.
 *
 * <p>{@link org.microvm.machine.transfer.OutgoingMigration} runs the source side on a {@link
 * org.microvm.machine.transfer.MigrationSource}.
 */
package org.microvm.machine.transfer;
