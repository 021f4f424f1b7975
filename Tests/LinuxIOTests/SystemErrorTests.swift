import Glibc
import LinuxIO
import Testing

@Suite struct SystemErrorTests {
    private func word() -> String {
        errno = ENOMEM
        return "a file"
    }

    /// To make the words may need memory, and change it.
    @Test func theCodeIsReadBeforeTheWordsAreMade() {
        errno = ENOENT
        #expect(SystemError("open \(word())", errno).description == "open a file: No such file or directory")
    }
}
