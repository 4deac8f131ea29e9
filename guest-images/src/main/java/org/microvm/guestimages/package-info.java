/** Guest images as a library. {@code GuestImages.installed()} finds and unpacks them. */
package org.microvm.guestimages;
