import CLinux

/// Releases code pages that only the start needed: the configuration is read once, the broker is found once.
package func giveBackStartupCode() { clinux_forget_code() }
