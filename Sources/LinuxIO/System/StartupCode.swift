import CLinux

/// Releases memory pages with code that was only needed at the start, such as for reading the configuration.
package func giveBackStartupCode() { clinux_forget_code() }
