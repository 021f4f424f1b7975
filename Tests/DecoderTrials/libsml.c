// What libsml makes of the same bytes: reads SML frames from standard input, decodes them so often as the argument says, to values.
#include <sml/sml_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double value(const sml_list *entry)
{
    double value = sml_value_to_double(entry->value);
    int scaler = entry->scaler ? *entry->scaler : 0;
    for (; scaler > 0; scaler--) value *= 10;
    for (; scaler < 0; scaler++) value /= 10;
    return value;
}

static long decode(unsigned char *frame, size_t length, double *sum)
{
    long values = 0;
    // Without the transport, which libsml reads from a descriptor, one byte at a time.
    sml_file *file = sml_file_parse(frame + 8, length - 16);
    for (int i = 0; i < file->messages_len; i++) {
        sml_message *message = file->messages[i];
        if (*message->message_body->tag != SML_MESSAGE_GET_LIST_RESPONSE) continue;
        sml_get_list_response *response = message->message_body->data;
        for (sml_list *entry = response->val_list; entry; entry = entry->next) {
            int kind = entry->value->type & SML_TYPE_FIELD;
            if (kind == SML_TYPE_INTEGER || kind == SML_TYPE_UNSIGNED) *sum += value(entry);
            values++;
        }
    }
    sml_file_free(file);
    return values;
}

int main(int count, char **words)
{
    static const unsigned char start[] = {0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x01, 0x01};
    static unsigned char bytes[16 << 20];
    static size_t frames[1 << 17];
    size_t length = fread(bytes, 1, sizeof bytes, stdin), n = 0;
    for (size_t i = 0; i + sizeof start <= length && n < (1 << 17) - 1; i++)
        if (!memcmp(bytes + i, start, sizeof start)) frames[n++] = i;
    frames[n] = length;
    long values = 0;
    double sum = 0;
    for (int round = count > 1 ? atoi(words[1]) : 1; round > 0; round--)
        for (size_t i = 0; i < n; i++) values += decode(bytes + frames[i], frames[i + 1] - frames[i], &sum);
    printf("%ld values, sum %g\n", values, sum);
}
