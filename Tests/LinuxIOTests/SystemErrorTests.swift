import Glibc
import LinuxIO
import Testing

@Suite struct SystemErrorTests {
    private func word() -> String {
        errno = ENOMEM
        return "a file"
    }

    /// Building the message may allocate memory, which may change `errno`.
    @Test func theCodeIsReadBeforeTheWordsAreMade() {
        errno = ENOENT
        #expect(SystemError("open \(word())", errno).description == "open a file: No such file or directory")
    }
}
