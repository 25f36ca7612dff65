/*
 * template_internal.h - the parts of a template's rules, as template_compile.c
 * puts them together. All of them throw for what is not valid, naming column and
 * key, and keep what they make in the current memory context.
 */
#ifndef CM_LIFECYCLE_TEMPLATE_INTERNAL_H
#define CM_LIFECYCLE_TEMPLATE_INTERNAL_H

#include "lifecycle/template.h"

/* template_name.c */
extern void cm_template_compile_subject(const CmTemplateRow *row, CmTemplate *t);
extern void cm_template_compile_sans(const CmTemplateRow *row, CmTemplate *t);
/* For x509/pattern.c, which holds malloc'ed memory: nothing is thrown. What cannot be decided does not match. */
extern bool cm_template_match_regex(void *regex, const char *string, size_t len);

/* template_extension.c; whether the template is a CA's is known before. */
extern void cm_template_compile_policies(const CmTemplateRow *row, CmTemplate *t);
extern void cm_template_compile_constraints(const CmTemplateRow *row, CmTemplate *t);
extern void cm_template_compile_extensions(const CmTemplateRow *row, CmTemplateEntry *out);

#endif
