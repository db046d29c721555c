/* The reader for logs with VMCS dumps and for lists of fields: docs/dumps.md. */
#ifndef VMXSIM_INPUT_TEXT_DOCUMENT_H
#define VMXSIM_INPUT_TEXT_DOCUMENT_H

#include "document.h"

/* Appends the cases found in the text to the document; document.h has what a reader needs. On failure *diagnostic
 * says what and where, and the caller frees the document. */
vmxsim_status text_document_read(vmxsim_document *document, const char *text, size_t length,
                                 struct vmxsim_diagnostic *diagnostic);

#endif
