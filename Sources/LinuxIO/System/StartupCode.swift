import CLinux

/// The pages that only the start has needed: a configuration is read once, a broker is found once.
package func giveBackStartupCode() { clinux_forget_code() }
