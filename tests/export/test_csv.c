/* Numbers as lines. */
#include "../check.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "flametop/export/table.h"
#include "numbers.h"

static void
test_csv__one_line_a_series(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(100);
    struct picture *picture = numbers_picture(catalog);
    struct format_options options = {0};
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_ptr_equal(format_by_path("x.csv"), format_by_name("csv"));
    assert_int_equal(format_by_name("csv")->write(picture, &options, &out), 0);
#define AT ",2023-11-14T22:13:20.123Z\r\n"
    assert_string_equal(
        out.data, "metric,labels,value,unit,time\r\n"
                  "t.io,device=sda,500,By/s" AT "t.level,\"mount=/a\\,b\"\"c\\\\d\ne\xff\",0.5,1" AT
                  "t.worst,,1,1" AT "t.worst,\"mount=/a\\,b\"\"c\\\\d\ne\xff\",1,1" AT
                  "t.count,,8,{thing}" AT "t.number,,9,{thing}" AT);
    size_t whole = out.n;
    options.continues = true;
    format_by_name("csv")->write(picture, &options, &out);
    assert_int_equal(out.n, 2 * whole - strlen("metric,labels,value,unit,time\r\n"));
    buf_done(&out);
    picture_release(picture);
    catalog_free(catalog);
}

static void
test_csv__says_when_it_does_not_fit(void **state)
{
    (void)state;
    struct catalog *catalog = catalog_new(100);
    struct picture *picture = numbers_picture(catalog);
    struct format_options options = {0};
    struct buf out;
    buf_init(&out, 60);
    assert_int_equal(format_by_name("csv")->write(picture, &options, &out), -EFBIG);
    buf_done(&out);
    picture_release(picture);
    catalog_free(catalog);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv__one_line_a_series),
        cmocka_unit_test(test_csv__says_when_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
